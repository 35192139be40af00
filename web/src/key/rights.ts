// The rights of a key.

import type { Capability } from '../api/types'
import { allows } from '../session/rights'

/** `workload:read, node:read` → `read workload, node`. */
export function summary(capabilities: readonly string[]): string {
  const by = new Map<string, string[]>()
  for (const capability of capabilities) {
    const [kind = '', verb = ''] = capability.split(':')
    by.set(verb, [...(by.get(verb) ?? []), kind])
  }
  return [...by].map(([verb, kinds]) => `${verb} ${kinds.join(', ')}`).join('; ')
}

/** The capabilities of a preset, among those held. */
export function preset(name: string, held: readonly Capability[]): Capability[] {
  if (name === 'all') return [...held]
  const reads = held.map((c) => `${c.split(':')[0]}:read` as Capability).filter((c) => allows(held, c))
  const operate = name === 'operate' ? held.filter((c) => c === 'workload:operate') : []
  return [...new Set([...reads, ...operate])]
}
