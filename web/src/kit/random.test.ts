import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { secretOf } from '../match/socket'
import { randomId } from './random'

afterEach(() => vi.unstubAllGlobals())

/** The browser of somebody who came over plain http by a host's name. */
function insecure(): void {
  const plain = { getRandomValues: crypto.getRandomValues.bind(crypto) }
  vi.stubGlobal('crypto', plain)
}

it('f10 makes ids where there is no secure context', () => {
  insecure()
  const ids = Array.from({ length: 100 }, randomId)
  expect(new Set(ids).size).toBe(100)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

it('f10 knows a player again where there is no secure context', () => {
  insecure()
  const held = new Map<string, string>()
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => held.get(key) ?? null, setItem: (key: string, value: string) => held.set(key, value) })
  const secret = secretOf('ma_1')
  expect(secret.length).toBe(36)
  expect(secretOf('ma_1')).toBe(secret)
})

it('f10 nothing uses what only secure contexts have, without another way', () => {
  const allowed: Record<string, string> = { 'kit/code.tsx': 'falls back to selecting the text' }
  const found: string[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (/\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path)) {
        const text = readFileSync(path, 'utf8').replace(/^\s*\/\/.*$/gm, '')
        const short = path.slice('src/'.length)
        if (/randomUUID|crypto\.subtle|navigator\.(clipboard|serviceWorker|storage)\b/.test(text) && !(short in allowed)) found.push(short)
      }
    }
  }
  walk('src')
  expect(found).toEqual([])
})
