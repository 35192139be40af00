// Roles and capabilities in people's words.

import type { Capability } from '../api/types'
import { many } from '../kit/format'
import { allows } from '../session/rights'

export interface About {
  kind: string
  label: string
  verbs: string[]
}

/** What a role can be about, as the rows of a table, with the verbs that anybody in a workspace can hold on it. */
export const ABOUT: About[] = [
  { kind: 'workload', label: 'Servers', verbs: ['read', 'operate', 'write'] },
  { kind: 'match', label: 'Matches', verbs: ['read', 'operate', 'write'] },
  { kind: 'bot', label: 'Bots', verbs: ['read', 'write'] },
  { kind: 'job', label: 'Jobs', verbs: ['read', 'operate'] },
  { kind: 'node', label: 'Nodes', verbs: ['read', 'operate', 'write'] },
  { kind: 'template', label: 'Templates', verbs: ['read', 'write'] },
  { kind: 'event', label: 'Activity', verbs: ['read'] },
  { kind: 'member', label: 'Members, roles, teams', verbs: ['read', 'write'] },
  { kind: 'key', label: 'API keys of the workspace', verbs: ['read', 'write'] },
  { kind: 'audit', label: 'Audit trail', verbs: ['read'] },
  { kind: 'workspace', label: 'The workspace itself', verbs: ['read', 'write'] },
]

/** What is beyond a workspace: only keys of their owners can be about it, never a role. */
export const BEYOND: About[] = [
  { kind: 'user', label: 'People’s accounts', verbs: ['read', 'operate', 'write'] },
  { kind: 'session', label: 'Where one is signed in', verbs: ['read', 'write'] },
  { kind: 'platform', label: 'The installation', verbs: ['read', 'operate', 'write'] },
]

export const VERBS = [
  { verb: 'read', label: 'See' },
  { verb: 'operate', label: 'Operate' },
  { verb: 'write', label: 'Manage' },
]

/** `["workload:write", "node:read", "job:read"]` → `manage servers; see nodes, jobs`. Seeing the workspace goes without saying. */
export function inWords(capabilities: readonly string[]): string {
  const groups = new Map<string, string[]>()
  for (const { kind, label } of [...ABOUT, ...BEYOND]) {
    const held = VERBS.filter(({ verb }) => capabilities.includes(`${kind}:${verb}`)).map(({ label: word }) => word.toLowerCase())
    const strong = held.length > 1 ? held.filter((word) => word !== 'see') : held
    if (strong.length === 0 || (kind === 'workspace' && !capabilities.includes('workspace:write'))) continue
    const verbs = strong.join(' and ')
    const name = label.startsWith('API') ? label : label.charAt(0).toLowerCase() + label.slice(1)
    groups.set(verbs, [...(groups.get(verbs) ?? []), name])
  }
  // What changes something comes before what only looks.
  const ordered = [...groups].sort(([a], [b]) => Number(a === 'see') - Number(b === 'see'))
  return ordered.map(([verbs, names]) => `${verbs} ${names.join(', ')}`).join('; ') || 'nothing but being there'
}

/** True when somebody who holds the first may give the second away. */
export function mayGive(held: readonly Capability[], given: readonly Capability[]): boolean {
  return given.every((capability) => allows(held, capability))
}

/** `["wl_…", "nd_…"]` → `1 server and 1 node`. */
export function things(ids: readonly string[]): string {
  const nodes = ids.filter((id) => id.startsWith('nd_')).length
  const parts = [ids.length - nodes > 0 && many(ids.length - nodes, 'server'), nodes > 0 && many(nodes, 'node')].filter((part) => part !== false)
  return parts.join(' and ') || 'nothing'
}
