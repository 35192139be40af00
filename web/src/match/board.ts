// Tic-tac-toe as a function of its turns: every browser folds the same turns and sees the same board.

import type { Intent, Player } from './api'

export interface Board {
  /** Who has marked each of the nine cells. */
  cells: (0 | 1 | undefined)[]
  /** Whose turn it is. */
  next: 0 | 1
  /** Who has three in a row, and which. */
  winner: { who: 0 | 1; line: number[] } | undefined
  isDrawn: boolean
}

const LINES = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7, 8],
  [0, 3, 6],
  [1, 4, 7],
  [2, 5, 8],
  [0, 4, 8],
  [2, 4, 6],
]

/** The board after these intents. The first two players play; what breaks the rules changes nothing. */
export function fold(players: Player[], intents: Intent[]): Board {
  const board: Board = { cells: Array<undefined>(9).fill(undefined), next: 0, winner: undefined, isDrawn: false }
  for (const intent of intents) {
    const cell = intent.cell
    const isTheirs = players[board.next]?.clientID === intent.clientID
    if (intent.type !== 'mark_cell' || !isTheirs || board.winner !== undefined || typeof cell !== 'number') continue
    if (cell < 0 || cell > 8 || board.cells[cell] !== undefined) continue
    const who = board.next
    board.cells[cell] = who
    const line = LINES.find((three) => three.every((at) => board.cells[at] === who))
    if (line !== undefined) board.winner = { who, line }
    board.isDrawn = line === undefined && board.cells.every((held) => held !== undefined)
    board.next = who === 0 ? 1 : 0
  }
  return board
}
