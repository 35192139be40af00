// A match that is not over: who is there, what happens, and a seat for oneself in the demo game.

import { useMutation } from '@tanstack/react-query'
import { Gamepad2, UserX } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { MatchDetail, MatchTitle } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { count } from '../kit/format'
import { Mark, type Tone } from '../kit/state'
import { useCan, useMe } from '../session/me'
import { Card, Section } from '../shell/header'
import { type Player, act } from './api'
import { fold } from './board'
import { BoardView, Deeds, PlayerRow } from './game'
import { MatchSocket, type SocketState } from './socket'

/** Follows a match; with a name, as a player. */
function useSocket(match: string, username: string | undefined): [SocketState | undefined, MatchSocket | undefined] {
  const [socket, setSocket] = useState<MatchSocket>()
  const tells = useRef(new Set<() => void>())
  useEffect(() => {
    const next = new MatchSocket(match, username, () => {
      for (const tell of tells.current) tell()
    })
    setSocket(next)
    return () => next.close()
  }, [match, username])
  const state = useSyncExternalStore(
    (tell) => {
      tells.current.add(tell)
      return () => tells.current.delete(tell)
    },
    () => socket?.state,
  )
  return [state, socket]
}

const STREAM: Record<SocketState['status'], { tone: Tone; word: string }> = {
  connecting: { tone: 'changing', word: 'Connecting' },
  live: { tone: 'running', word: 'Live' },
  lost: { tone: 'degraded', word: 'Coming back' },
  over: { tone: 'stopped', word: 'Over' },
}

export function Live({ of, title, children }: { of: MatchDetail; title: MatchTitle | undefined; children?: ReactNode }) {
  const me = useMe()
  const id = of.match.id
  const isOn = of.match.phase === 'active'
  const hasBoard = of.match.title === 'tic-tac-toe'
  const [isPlaying, setPlaying] = useState(() => sessionStorage.getItem(`ostler.seat.${id}`) !== null)
  const [state, socket] = useSocket(id, isPlaying ? me.user.name : undefined)
  const roster: Player[] = of.info?.clients ?? []
  const players = isOn && state !== undefined && state.players.length > 0 ? state.players : roster
  const stream = STREAM[state?.status ?? 'connecting']
  const intents = (state?.done ?? []).map((one) => one.intent)
  const board = fold(players, intents)
  const winner = board.winner === undefined ? undefined : players[board.winner.who]?.clientID
  useEffect(() => {
    if (isPlaying && winner !== undefined) socket?.vote(winner)
  }, [isPlaying, winner, socket])
  const sit = () => {
    sessionStorage.setItem(`ostler.seat.${id}`, '1')
    setPlaying(true)
  }
  return (
    <div className="grid gap-x-8 gap-y-6 lg:grid-cols-[320px_minmax(0,1fr)]">
      <div className="flex min-w-0 flex-col gap-6">
        {hasBoard && isOn && (
          <Section title="Board">
            <div className="max-w-xs">
              <BoardView players={players} intents={intents} me={state?.me} {...(isPlaying ? { onMark: (cell: number) => socket?.play({ type: 'mark_cell', cell }) } : {})} />
            </div>
          </Section>
        )}
        <Roster id={id} players={isOn ? players : roster} present={roster} mine={state?.me} hasBoard={hasBoard} most={title?.max_players} least={isOn ? undefined : title?.min_players} onSit={hasBoard && !isOn && !isPlaying ? sit : undefined} />
      </div>
      {isOn ? (
        <Section
          title="What is done"
          action={
            <span className="live inline-flex items-center gap-2 text-12 text-ink-2">
              <Mark tone={stream.tone} />
              {stream.word}
              {(state?.turns ?? 0) > 0 && <span className="font-mono text-ink-3">turn {count(state?.turns ?? 0)}</span>}
            </span>
          }
        >
          <Card className="min-w-0">
            <Deeds players={players} done={state?.done ?? []} paceMs={title?.turn_ms ?? 100} />
          </Card>
        </Section>
      ) : (
        <div className="min-w-0">{children}</div>
      )}
    </div>
  )
}

interface RosterProps {
  id: string
  players: Player[]
  /** Who is connected now. */
  present: Player[]
  mine: string | undefined
  hasBoard: boolean
  most: number | undefined
  /** How many it needs, while that matters. */
  least: number | undefined
  onSit: (() => void) | undefined
}

function Roster({ id, players, present, mine, hasBoard, most, least, onSit }: RosterProps) {
  const can = useCan()
  const [kicked, setKicked] = useState<Player>()
  const kick = useMutation({ mutationFn: (client: string) => act(id, { verb: 'kick', client }), onSuccess: () => setKicked(undefined) })
  const missing = Math.max(0, (least ?? 0) - players.length)
  return (
    <Section title="Players" action={<span className="live text-12 text-ink-3">{most === undefined ? count(players.length) : `${count(players.length)} of ${count(most)}`}</span>}>
      <Card>
        {players.length === 0 && missing === 0 && <p className="px-3 py-6 text-center text-13 text-ink-3">Nobody is here yet.</p>}
        <ul aria-label="Players">
          {players.map((player, at) => (
            <PlayerRow key={player.clientID} player={player} at={at} hasBoard={hasBoard} isMe={player.clientID === mine}>
              {can('match:operate') && present.some((each) => each.clientID === player.clientID) ? (
                <IconButton icon={UserX} label={`Kick ${player.username}`} onClick={() => setKicked(player)} />
              ) : (
                <span className="text-12 text-ink-3">{present.some((each) => each.clientID === player.clientID) ? '' : 'away'}</span>
              )}
            </PlayerRow>
          ))}
          {Array.from({ length: missing }, (_, at) => (
            <li key={at} className="flex h-10 items-center gap-2.5 border-b border-line px-3 text-13 text-ink-3 last:border-b-0">
              <span className="flex size-4 items-center justify-center">
                <Mark tone="unknown" />
              </span>
              Open seat
            </li>
          ))}
        </ul>
        {onSit !== undefined && can('match:operate') && (
          <div className="border-t border-line p-3">
            <Button icon={Gamepad2} onClick={onSit} className="w-full">
              Take a seat
            </Button>
          </div>
        )}
      </Card>
      {least !== undefined && hasBoard && <p className="text-12 text-ink-3">The first two play, everybody else watches. Open this page in two windows to play against yourself.</p>}
      {kick.error !== null && kicked === undefined && <ErrorBox error={kick.error} doing="kick the player" />}
      {kicked !== undefined && (
        <Confirm
          isOpen
          onClose={() => setKicked(undefined)}
          title={`Kick ${kicked.username}?`}
          losses={['They are put out of this match and cannot come back into it.']}
          verb="Kick player"
          isPending={kick.isPending}
          error={kick.error}
          onConfirm={() => kick.mutate(kicked.clientID)}
        />
      )}
    </Section>
  )
}
