// What happens in a match: the board of a tic-tac-toe, who takes part, and what everybody did.

import { Circle, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from '../kit/cx'
import { count, position } from '../kit/format'
import { Mark } from '../kit/state'
import type { Intent, Player } from './api'
import { fold } from './board'
import { inWords } from './words'

const MARKS = [X, Circle]
const WORDS = ['cross', 'nought']
const COLOURS = ['text-accent-ink', 'text-ink']

/** Nine cells; they are buttons for whoever's turn it is. */
export function BoardView({ players, intents, me, onMark }: { players: Player[]; intents: Intent[]; me?: string | undefined; onMark?: (cell: number) => void }) {
  const board = fold(players, intents)
  const mine = players.findIndex((player) => player.clientID === me)
  const isMyTurn = onMark !== undefined && mine === board.next && board.winner === undefined && !board.isDrawn
  return (
    <div className="flex flex-col gap-3">
      <p aria-live="polite" className="text-13 text-ink-2">
        {says(players, board, mine, onMark !== undefined)}
      </p>
      <div role="group" aria-label="Board" className="grid w-full grid-cols-3 gap-1.5">
        {board.cells.map((held, cell) => {
          const Icon = held === undefined ? undefined : MARKS[held]
          const isWon = board.winner?.line.includes(cell) === true
          const label = `Row ${Math.floor(cell / 3) + 1}, column ${(cell % 3) + 1}: ${held === undefined ? 'empty' : WORDS[held]}`
          const look = cx('flex aspect-square items-center justify-center rounded border', isWon ? 'border-accent bg-selected' : 'border-line bg-surface')
          return isMyTurn && held === undefined ? (
            <button key={cell} type="button" aria-label={label} onClick={() => onMark(cell)} className={cx(look, 'transition-colors duration-[120ms] hover:border-line-strong hover:bg-hover')} />
          ) : (
            <div key={cell} role="img" aria-label={label} className={look}>
              {Icon !== undefined && <Icon size={36} strokeWidth={2.25} aria-hidden className={cx('appear', COLOURS[held ?? 0])} />}
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

/** One who takes part, with the mark that they play when the game has one. */
export function PlayerRow({ player, at, hasBoard, isMe, isWinner, children }: { player: Player; at: number; hasBoard: boolean; isMe?: boolean; isWinner?: boolean; children?: ReactNode }) {
  const Icon = hasBoard ? MARKS[at] : undefined
  return (
    <li className="flex h-10 items-center gap-2.5 border-b border-line pr-1.5 pl-3 text-13 last:border-b-0">
      <span className="flex size-4 shrink-0 items-center justify-center">
        {Icon === undefined ? <Mark tone={hasBoard ? 'stopped' : 'running'} /> : <Icon size={14} strokeWidth={2.5} role="img" aria-label={`plays ${WORDS[at]}s`} className={COLOURS[at]} />}
      </span>
      <span className="flex min-w-0 flex-1 items-baseline gap-1.5">
        <span className="truncate font-medium">
          {player.clanTag != null && <span className="text-ink-3">[{player.clanTag}] </span>}
          {player.username}
        </span>
        {isMe === true && <span className="text-ink-3">you</span>}
        {isWinner === true && <span className="text-running">won</span>}
      </span>
      <code className="font-mono text-12 text-ink-3">{player.clientID}</code>
      {children ?? <span className="w-1.5" />}
    </li>
  )
}

/** What was done, newest first. `paceMs` is how long a turn lasts. */
export function Deeds({ players, done, paceMs, most = 100 }: { players: Player[]; done: { turn: number; intent: Intent }[]; paceMs: number; most?: number }) {
  if (done.length === 0) return <p className="px-4 py-10 text-center text-13 text-ink-3">Nothing has been done yet. Empty turns are not listed.</p>
  const name = (id: string) => (id === 'ADMINBOT' ? 'Platform' : (players.find((player) => player.clientID === id)?.username ?? id))
  return (
    <ol reversed aria-label="What was done" className="max-h-[60vh] overflow-y-auto" tabIndex={0}>
      {done
        .slice(-most)
        .reverse()
        .map(({ turn, intent }, at) => {
          const { text, detail } = inWords(intent)
          return (
            <li key={`${turn} ${done.length - at}`} className="flex min-h-9 items-baseline gap-3 border-b border-line px-3 py-2 text-13 last:border-b-0">
              <span className="w-14 shrink-0 font-mono text-12 text-ink-3">{position(turn * paceMs)}</span>
              <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-1.5">
                <span className="max-w-full truncate font-medium">{name(intent.clientID)}</span>
                <span className="text-ink-2">{text}</span>
                {detail !== undefined && <code className="max-w-full truncate font-mono text-12 text-ink-3">{detail}</code>}
              </span>
              <span className="shrink-0 font-mono text-12 text-ink-3 max-sm:hidden">turn {count(turn)}</span>
            </li>
          )
        })}
    </ol>
  )
}
