// What the address of the list says.

import type { Workload } from '../api/types'
import { GROUPS, groupOf } from './state'

export interface ListSearch {
  state?: string[]
  node?: string
  q?: string
}

/** What the address says, with everything else dropped. */
export function readSearch(raw: Record<string, unknown>): ListSearch {
  const list = Array.isArray(raw.state) ? raw.state : typeof raw.state === 'string' ? raw.state.split(',') : []
  const state = list.filter((value): value is string => GROUPS.some((group) => group.value === value))
  return {
    ...(state.length > 0 ? { state } : {}),
    ...(typeof raw.node === 'string' ? { node: raw.node } : {}),
    ...(typeof raw.q === 'string' || typeof raw.q === 'number' ? { q: String(raw.q) } : {}),
  }
}

export function matches(workload: Workload, search: ListSearch): boolean {
  if (search.state !== undefined && !search.state.includes(groupOf(workload.state).value)) return false
  if (search.node !== undefined && workload.node !== search.node) return false
  const words = (search.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const text = `${workload.name} ${workload.template} ${workload.node_name ?? ''} ${workload.address ?? ''} ${workload.id}`.toLowerCase()
  return words.every((word) => text.includes(word))
}
