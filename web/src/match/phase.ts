// How far a match has come, in one word and one mark.

import type { Match } from '../api/types'
import type { Tone } from '../kit/state'

export function phaseTone(phase: Match['phase']): Tone {
  return phase === 'active' ? 'running' : phase === 'lobby' ? 'changing' : 'stopped'
}

export function phaseWord(phase: Match['phase']): string {
  return phase === 'active' ? 'Running' : phase === 'lobby' ? 'Lobby' : 'Finished'
}
