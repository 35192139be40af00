// Events as sentences: who did what to which thing.

import type { Event } from '../api/types'
import { jobTone, spelled } from '../job/words'
import { type Tone, toneOf } from '../kit/state'

export interface Sentence {
  tone: Tone
  /** After the thing's name: "was created". */
  text: string
  /** More, in the words of the node or the job. */
  detail?: string | undefined
  /** The thing's name when the event itself carries it. */
  name?: string | undefined
}

const JOB: Record<string, string> = { queued: 'is waiting for its turn', unwinding: 'is being undone', succeeded: 'succeeded', failed: 'has failed', cancelled: 'was cancelled' }

/** What an event says. Types that this panel does not know yet are shown as they are. */
export function sentence(event: Event): Sentence {
  switch (event.type) {
    case 'workload.created':
      return { tone: 'changing', text: 'was created', name: event.name }
    case 'workload.desired':
      return { tone: 'stopped', text: 'was asked to change', detail: `generation ${event.generation}` }
    case 'workload.observed':
      return { tone: toneOf(event.state), text: event.state === 'failed' ? 'has failed' : `is ${event.state}`, detail: event.reason ?? undefined }
    case 'workload.deleted':
      return { tone: 'stopped', text: 'was deleted', name: event.name }
    case 'node.joined':
      return { tone: 'running', text: 'joined', name: event.name }
    case 'node.changed':
      return { tone: 'stopped', text: 'was changed' }
    case 'node.online':
      return { tone: 'running', text: 'is online' }
    case 'node.offline':
      return { tone: 'failed', text: 'is offline' }
    case 'node.deleted':
      return { tone: 'stopped', text: 'was removed', name: event.name }
    case 'job.changed':
      return { tone: jobTone(event.state), text: JOB[event.state] ?? `is at ${event.progress} %`, detail: event.step == null ? undefined : spelled(event.step) }
    case 'workspace.changed':
      return { tone: 'stopped', text: 'was changed' }
    case 'member.changed':
      return { tone: 'stopped', text: 'changed membership or role' }
    case 'user.changed':
      return { tone: 'stopped', text: 'was changed' }
    case 'key.changed':
      return { tone: 'stopped', text: 'has new or fewer API keys' }
    default:
      return { tone: 'unknown', text: (event as { type: string }).type }
  }
}

/** The thing an event is about. */
export function subject(event: Event): string {
  if ('id' in event) return event.id
  if ('user' in event) return event.user
  if ('owner' in event) return event.owner
  return ''
}

/** The noun before the dot. */
export function topic(event: Event): string {
  return event.type.split('.')[0] ?? ''
}

/** Who caused it, for people. */
export function actorWord(actor: string): string {
  const words: Record<string, string> = { reconcile: 'its node', job: 'a job', setup: 'first run', retention: 'clean-up', 'sign-in': 'sign-in' }
  return words[actor] ?? actor
}
