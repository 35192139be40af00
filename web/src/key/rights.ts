// The rights of a key, and its limits, in words.

import type { Capability, Key, KeyUpdate } from '../api/types'
import { many } from '../kit/format'
import { ABOUT, type About, BEYOND, things } from '../role/words'
import { allows } from '../session/rights'
import type { Filled } from './fields'

/** What chosen servers and nodes can be touched by. Everything else is about a whole workspace, or more. */
const OF_THINGS = new Set(['workload', 'node', 'job', 'event'])

/** The capabilities of a preset, among those held. */
export function preset(name: string, held: readonly Capability[]): Capability[] {
  if (name === 'all') return [...held]
  const reads = held.map((c) => `${c.split(':')[0]}:read` as Capability).filter((c) => allows(held, c))
  const operate = name === 'operate' ? held.filter((c) => c === 'workload:operate') : []
  return [...new Set([...reads, ...operate])]
}

/** Those that mean something for a key that reaches only chosen things. */
export function ofThings(capabilities: readonly Capability[]): Capability[] {
  return capabilities.filter((c) => OF_THINGS.has(c.split(':')[0] ?? ''))
}

/** The rows of a table for what is held: nothing that could never be ticked. */
export function aboutOf(held: readonly Capability[]): About[] {
  return [...ABOUT, ...BEYOND]
    .map((about) => ({ ...about, verbs: about.verbs.filter((verb) => allows(held, `${about.kind}:${verb}`)) }))
    .filter(({ verbs }) => verbs.length > 0)
}

/** How far it reaches. */
export function reachOf({ scope }: Key, name: (workspace: string) => string): string {
  if (scope === 'all') return 'all that its owner reaches'
  if ('workspace' in scope) return name(scope.workspace)
  return things(scope.only)
}

/** What else it is bound to; empty when nothing. */
export function limitsOf({ networks, requests_per_minute: rate }: Key): string {
  const parts = []
  if (networks.length > 0) parts.push(networks.length === 1 ? `only from ${networks[0]}` : `only from ${networks.length} networks`)
  if (rate != null) parts.push(`${many(rate, 'request')} a minute`)
  return parts.join(', ')
}

/** `192.0.2.0/24, 2001:db8::1` → its parts. */
export function networksIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((network) => network !== '')
}

/** The first part that is no address and no network, as far as this can be seen without asking. */
export function notANetwork(networks: readonly string[]): string | undefined {
  return networks.find((network) => {
    const [address = '', prefix, ...more] = network.split('/')
    const most = address.includes(':') ? 128 : 32
    const isAddress = address.includes(':') ? /^[\da-f:.]+$/i.test(address) : /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split('.').every((part) => Number(part) < 256)
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most)
    return !isAddress || !isPrefix || more.length > 0
  })
}

/** What is other than before, and nothing else: what is not said is not looked at again. */
export function changes(before: Filled, now: Filled): KeyUpdate {
  const differs = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b)
  const sorted = (list: readonly string[]) => [...list].sort()
  return {
    ...(before.label === now.label ? {} : { label: now.label }),
    ...(differs(sorted(before.capabilities), sorted(now.capabilities)) ? { capabilities: now.capabilities } : {}),
    ...(differs(before.scope, now.scope) ? { scope: now.scope } : {}),
    ...(differs(before.networks, now.networks) ? { networks: now.networks } : {}),
    ...(before.rate === now.rate ? {} : { requests_per_minute: now.rate }),
    ...(now.expires === undefined ? {} : { expires_at: now.expires }),
  }
}
