import { describe, expect, it } from 'vitest'
import type { Key } from '../api/types'
import type { Filled } from './fields'
import { aboutOf, changes, limitsOf, networksIn, notANetwork, ofThings, preset, reachOf } from './rights'

const KEY: Key = {
  id: 'key_1',
  owner: 'us_1',
  label: 'Backup',
  prefix: 'ost_abc',
  capabilities: ['workload:read'],
  scope: 'all',
  networks: [],
  requests_per_minute: null,
  created_at: '2026-01-01T00:00:00Z',
  expires_at: null,
  last_used_at: null,
  last_used_from: null,
}

describe('the rights of a key', () => {
  it('a read-only key holds no verb but read', () => {
    expect(preset('read', ['workload:write', 'node:read', 'node:write'])).toEqual(['workload:read', 'node:read'])
    expect(preset('operate', ['workload:operate', 'workload:write', 'node:read'])).toEqual(['workload:read', 'node:read', 'workload:operate'])
  })

  it('a key for chosen things holds only what means something there', () => {
    expect(ofThings(['workload:operate', 'member:read', 'platform:write', 'node:read'])).toEqual(['workload:operate', 'node:read'])
  })

  it('offers no box that could never be ticked', () => {
    expect(aboutOf(['workload:operate', 'session:read'])).toEqual([
      { kind: 'workload', label: 'Servers', verbs: ['read', 'operate'] },
      { kind: 'session', label: 'Where one is signed in', verbs: ['read'] },
    ])
  })
})

describe('what binds a key', () => {
  it('is told in words', () => {
    const name = (id: string) => (id === 'ws_1' ? 'Home' : '?')
    expect([reachOf(KEY, name), limitsOf(KEY)]).toEqual(['all that its owner reaches', ''])
    const bound: Key = { ...KEY, scope: { only: ['wl_1'] }, networks: ['192.0.2.0/24'], requests_per_minute: 60 }
    expect([reachOf(bound, name), limitsOf(bound)]).toEqual(['1 server', 'only from 192.0.2.0/24, 60 requests a minute'])
    expect(reachOf({ ...KEY, scope: { workspace: 'ws_1' } }, name)).toBe('Home')
    expect(limitsOf({ ...KEY, networks: ['192.0.2.1/32', '2001:db8::/32'] })).toBe('only from 2 networks')
  })

  it('networks are checked while they are typed', () => {
    expect(networksIn(' 192.0.2.0/24, 2001:db8::/32\n10.0.0.1 ')).toEqual(['192.0.2.0/24', '2001:db8::/32', '10.0.0.1'])
    expect(notANetwork(['192.0.2.0/24', '2001:db8::/32', '10.0.0.1'])).toBeUndefined()
    for (const wrong of ['192.0.2.0/33', '192.0.2', '300.0.0.1', 'home', '2001:db8::/129', '10.0.0.0/8/8', '10.0.0.0/']) expect(notANetwork([wrong])).toBe(wrong)
  })

  it('only what was changed is sent, and null takes away', () => {
    const before: Filled = { isReady: true, label: 'A', capabilities: ['node:read', 'workload:read'], scope: { workspace: 'ws_1' }, networks: ['::1'], rate: 60, expires: undefined }
    expect(changes(before, { ...before, capabilities: ['workload:read', 'node:read'] })).toEqual({})
    expect(changes(before, { ...before, scope: 'all', networks: [], rate: null, expires: null })).toEqual({ scope: 'all', networks: [], requests_per_minute: null, expires_at: null })
    expect(changes(before, { ...before, label: 'B', capabilities: ['node:read'] })).toEqual({ label: 'B', capabilities: ['node:read'] })
  })
})
