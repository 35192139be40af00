// Fails when the first load is larger than agreed. It counts what a browser fetches before it shows the overview:
// the page, its scripts and styles with everything they import at once, the overview's own chunk, and the fonts.

import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import path from 'node:path'

const LIMIT = 250 * 1000
const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const read = (name) => readFileSync(path.join(dist, name))

const html = read('index.html').toString()
const seen = new Set(['index.html', 'theme.js'])
const queue = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((found) => found[1])

// The first page after sign-in, and what it imports statically.
const assets = readdirSync(path.join(dist, 'assets'))
const manifest = JSON.parse(read('.vite/manifest.json').toString())
const first = manifest['src/overview/page.tsx']
if (first === undefined) throw new Error('the overview is not a chunk of its own')
queue.push(first.file, ...(first.css ?? []))
queue.push(...assets.filter((name) => /^geist(-mono)?-latin-wght-normal-.*\.woff2$/.test(name)).map((name) => `assets/${name}`))

while (queue.length > 0) {
  const name = queue.pop()
  if (seen.has(name)) continue
  seen.add(name)
  if (!name.endsWith('.js')) continue
  for (const found of read(name).toString().matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) queue.push(`assets/${found[1]}`)
}

// Only this script reads the manifest; the server shall not carry it.
rmSync(path.join(dist, '.vite'), { recursive: true })

let total = 0
for (const name of [...seen].sort()) {
  const raw = read(name)
  // Fonts are compressed already.
  const size = name.endsWith('.woff2') ? raw.length : gzipSync(raw, { level: 9 }).length
  total += size
  if (process.argv.includes('--list')) console.log(`${String(size).padStart(8)}  ${name}`)
}
console.log(`first load: ${(total / 1000).toFixed(1)} kB gzipped in ${seen.size} files, at most ${LIMIT / 1000} kB`)
if (total > LIMIT) {
  console.error('the first load is too large: load pages and heavy parts only when they are needed')
  process.exit(1)
}
