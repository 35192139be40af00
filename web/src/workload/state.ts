// How a workload is, in groups that people filter by, and which verbs make sense when.

import type { Workload, WorkloadState } from '../api/types'
import type { Tone } from '../kit/state'
import type { PowerVerb } from './api'

export interface Group {
  value: string
  label: string
  tone: Tone
  states: WorkloadState[]
}

/** The filters of the list, worst first. */
export const GROUPS: Group[] = [
  { value: 'failed', label: 'Failed', tone: 'failed', states: ['failed'] },
  { value: 'degraded', label: 'Degraded', tone: 'degraded', states: ['degraded'] },
  { value: 'unknown', label: 'Unknown', tone: 'unknown', states: ['unknown'] },
  { value: 'changing', label: 'Changing', tone: 'changing', states: ['pending', 'installing', 'starting', 'stopping', 'deleting'] },
  { value: 'running', label: 'Running', tone: 'running', states: ['running'] },
  { value: 'stopped', label: 'Stopped', tone: 'stopped', states: ['stopped'] },
]

export function groupOf(state: WorkloadState): Group {
  return GROUPS.find((group) => group.states.includes(state)) ?? (GROUPS[2] as Group)
}

/** The order of the state column: what needs eyes comes first. */
export function urgency(state: WorkloadState): number {
  return GROUPS.indexOf(groupOf(state))
}

/** Whether a verb makes sense now. */
export function canDo(verb: PowerVerb, { state, power }: Pick<Workload, 'state' | 'power'>): boolean {
  if (power === 'absent') return false
  if (verb === 'start') return power === 'off' || state === 'failed' || state === 'stopped'
  if (verb === 'kill') return !['stopped', 'pending'].includes(state)
  return power === 'on' && state !== 'stopped'
}

/** Its node does not answer, so that it can be forgotten when the machine is lost for good. */
export function isLost({ state, reason, node }: Pick<Workload, 'state' | 'reason' | 'node'>): boolean {
  return node !== null && (state === 'unknown' || (reason ?? '').startsWith('its node is away'))
}

/** The main verb of the page: what one most likely came for. */
export function mainVerb(workload: Pick<Workload, 'state' | 'power'>): PowerVerb | undefined {
  return (['start', 'stop'] as const).find((verb) => canDo(verb, workload))
}

export const VERBS: Record<PowerVerb, string> = { start: 'Start server', stop: 'Stop server', restart: 'Restart server', kill: 'Kill server' }
