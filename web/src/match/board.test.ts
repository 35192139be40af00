import { describe, expect, it } from 'vitest'
import { fold } from './board'

const players = [
  { clientID: 'ada', username: 'Ada' },
  { clientID: 'bob', username: 'Bob' },
  { clientID: 'eve', username: 'Eve' },
]
const mark = (clientID: string, cell: number) => ({ type: 'mark_cell', clientID, cell })

describe('a board folded from turns', () => {
  it('alternates, and ignores what breaks the rules', () => {
    const board = fold(players, [mark('bob', 0), mark('ada', 4), mark('ada', 5), mark('eve', 1), mark('bob', 4), mark('bob', 0)])
    expect(board.cells[4]).toBe(0)
    expect(board.cells[0]).toBe(1)
    expect(board.cells.filter((cell) => cell !== undefined)).toHaveLength(2)
    expect(board.next).toBe(0)
  })

  it('is over with three in a row', () => {
    const board = fold(players, [mark('ada', 0), mark('bob', 3), mark('ada', 1), mark('bob', 4), mark('ada', 2), mark('bob', 5)])
    expect(board.winner).toEqual({ who: 0, line: [0, 1, 2] })
    expect(board.cells[5]).toBeUndefined()
  })

  it('is drawn when all is full', () => {
    const order = [0, 1, 2, 4, 3, 5, 7, 6, 8]
    const board = fold(players, order.map((cell, at) => mark(at % 2 === 0 ? 'ada' : 'bob', cell)))
    expect([board.winner, board.isDrawn]).toEqual([undefined, true])
  })
})
