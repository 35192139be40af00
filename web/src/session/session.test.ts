import { describe, expect, it } from 'vitest'
import type { Membership } from '../api/types'
import { oldest } from './me'
import { allows } from './rights'
import { readSearch, safePath, secretOf } from './link'

describe('links', () => {
  it('lead only to our own pages after sign-in', () => {
    expect([safePath('/nodes?x=1'), safePath('//evil.example'), safePath('/\\evil.example'), safePath('https://evil.example'), safePath('/sign-in'), safePath(undefined)]).toEqual(['/nodes?x=1', '/', '/', '/', '/', '/'])
  })

  it('s25 lead nowhere else by characters that browsers overlook', () => {
    const odd = ['\t', '\n', '\r', '\0', '\u001f', '\u007f', '\u0085', '\\']
    const paths = odd.flatMap(c => [`/${c}/evil.example`, `/${c}${c}/evil.example`, `${c}//evil.example`, `/x${c}y`, `/${c}evil.example`])
    for (const path of paths) expect([path, safePath(path)]).toEqual([path, '/'])
    for (const path of ['/', '/a/b?c=/d//e#f', '/%09/evil', '/ä?q=a%20b']) expect(safePath(path)).toBe(path)
  })

  it('carry the one-time secret in the fragment', () => {
    expect([secretOf('#secret=abc-_9'), secretOf(''), secretOf('#other=1')]).toEqual(['abc-_9', '', ''])
  })
})

describe('rights', () => {
  it('any verb on a kind lets one read it', () => {
    expect(allows(['workload:operate'], 'workload:read')).toBe(true)
    expect(allows(['workload:operate'], 'workload:write')).toBe(false)
    expect(allows(['node:read'], 'workload:read')).toBe(false)
  })
})

it('a workspace that somebody is added to does not take their pages over', () => {
  const of = (workspace: string): Membership => ({ workspace, slug: workspace, name: workspace, role: 'member', archived_at: null, capabilities: [] })
  expect(oldest([of('ws_03'), of('ws_01'), of('ws_02')])?.workspace).toBe('ws_01')
  expect(oldest([])).toBeUndefined()
})

it('the address of the sign-in page says what a provider has found, and nothing else', () => {
  expect(readSearch({ mfa: 1, next: '/nodes', evil: 'x' })).toEqual({ mfa: true, next: '/nodes' })
  expect(readSearch({ error: 'no_account' })).toEqual({ error: 'no_account' })
  expect(readSearch({ next: 7, mfa: 'yes' })).toEqual({})
})
