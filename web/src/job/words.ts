// Jobs and their steps in words.

import { type Tone, toneOf } from '../kit/state'

const TITLES: Record<string, string> = {
  'workload.provision': 'Create',
  'workload.create': 'Create',
  'workload.delete': 'Delete',
  'workload.remove': 'Delete',
  'node.remove': 'Remove',
}

/** `workload.provision` → `Create`. Kinds that this panel does not know are spelled out. */
export function jobTitle(kind: string): string {
  return TITLES[kind] ?? spelled(kind.split('.').at(-1) ?? kind)
}

/** A job that runs is something that changes; only its good end is green. */
export function jobTone(state: string): Tone {
  return state === 'running' ? 'changing' : toneOf(state)
}

/** `wait_ready` → `Wait ready`. */
export function spelled(name: string): string {
  const text = name.replaceAll(/[_-]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
