// What somebody did in a match, as a sentence goes on after their name.

import type { Intent } from './api'

/** What has no words of its own is told by its type and its fields. */
export function inWords({ type, clientID: _, ...rest }: Intent): { text: string; detail?: string } {
  if (type === 'mark_cell' && typeof rest.cell === 'number') return { text: `marks row ${Math.floor(rest.cell / 3) + 1}, column ${(rest.cell % 3) + 1}` }
  if (type === 'toggle_pause' && typeof rest.paused === 'boolean') return { text: rest.paused ? 'pauses the match' : 'resumes the match' }
  if (type === 'mark_disconnected' && typeof rest.isDisconnected === 'boolean') return { text: rest.isDisconnected ? 'has gone away' : 'is back' }
  const detail = Object.keys(rest).length === 0 ? {} : { detail: JSON.stringify(rest) }
  return { text: type.replaceAll('_', ' '), ...detail }
}

/** Those whom the vote of the players named as winners: a player, a team of players, or nobody known. */
export function winnersOf(winner: unknown): string[] {
  if (typeof winner === 'string') return [winner]
  return Array.isArray(winner) ? winner.filter((each): each is string => typeof each === 'string') : []
}
