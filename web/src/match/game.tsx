// What happens in a match: the board of a tic-tac-toe, and what everybody did.

import { Circle, X } from 'lucide-react'
import { cx } from '../kit/cx'
import type { Intent, Player } from './api'
import { fold } from './board'

const MARKS = [X, Circle]
const WORDS = ['cross', 'nought']

/** Nine cells; they are buttons for whoever's turn it is. */
export function BoardView({ players, intents, me, onMark }: { players: Player[]; intents: Intent[]; me?: string | undefined; onMark?: (cell: number) => void }) {
  const board = fold(players, intents)
  const mine = players.findIndex((player) => player.clientID === me)
  const isMyTurn = onMark !== undefined && mine === board.next && board.winner === undefined && !board.isDrawn
  return (
    <div className="flex flex-col gap-3">
      <p aria-live="polite" className="text-13">
        {says(players, board, mine, onMark !== undefined)}
      </p>
      <div role="group" aria-label="Board" className="grid w-full max-w-72 grid-cols-3 gap-1.5">
        {board.cells.map((held, cell) => {
          const Icon = held === undefined ? undefined : MARKS[held]
          const isWon = board.winner?.line.includes(cell) === true
          const label = `Row ${Math.floor(cell / 3) + 1}, column ${(cell % 3) + 1}: ${held === undefined ? 'empty' : WORDS[held]}`
          const look = cx('flex aspect-square items-center justify-center rounded border', isWon ? 'border-accent bg-pressed' : 'border-line bg-surface')
          return isMyTurn && held === undefined ? (
            <button key={cell} type="button" aria-label={label} onClick={() => onMark(cell)} className={cx(look, 'transition-colors duration-[120ms] hover:border-line-strong hover:bg-hover')} />
          ) : (
            <div key={cell} role="img" aria-label={label} className={look}>
              {Icon !== undefined && <Icon size={36} strokeWidth={2.5} aria-hidden className={cx('appear', held === 0 ? 'text-accent' : 'text-ink-2')} />}
            </div>
          )
        })}
      </div>
    </div>
  )
}

function says(players: Player[], board: ReturnType<typeof fold>, mine: number, canPlay: boolean): string {
  const name = (at: number) => players[at]?.username ?? 'Nobody'
  if (board.winner !== undefined) return board.winner.who === mine ? 'You have won.' : `${name(board.winner.who)} has won.`
  if (board.isDrawn) return 'It is a draw.'
  if (canPlay && mine === board.next) return `Your turn: you play ${mine === 0 ? 'crosses' : 'noughts'}.`
  return `It is ${name(board.next)}’s turn.`
}

/** What was done, newest first. */
export function Deeds({ players, done, most = 60 }: { players: Player[]; done: { turn: number; intent: Intent }[]; most?: number }) {
  if (done.length === 0) return <p className="px-3 py-6 text-center text-13 text-ink-3">Nothing has been done yet. Empty turns are not listed.</p>
  const name = (id: string) => (id === 'ADMINBOT' ? 'Platform' : (players.find((player) => player.clientID === id)?.username ?? id))
  return (
    <ol reversed aria-label="What was done" className="max-h-96 overflow-y-auto" tabIndex={0}>
      {done
        .slice(-most)
        .reverse()
        .map(({ turn, intent }, at) => {
          const { type, clientID, ...rest } = intent
          return (
            <li key={`${turn} ${done.length - at}`} className="flex h-9 items-center gap-3 border-b border-line px-3 text-13 last:border-b-0">
              <span className="w-14 shrink-0 text-right font-mono text-12 text-ink-3">{turn}</span>
              <span className="w-28 shrink-0 truncate font-medium">{name(clientID)}</span>
              <span className="shrink-0">{type.replaceAll('_', ' ')}</span>
              <code className="truncate font-mono text-12 text-ink-2">{Object.keys(rest).length > 0 && JSON.stringify(rest)}</code>
            </li>
          )
        })}
    </ol>
  )
}
