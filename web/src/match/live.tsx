// A match that is not over: who is there, what happens, and a seat for oneself in the demo game.

import { useMutation } from '@tanstack/react-query'
import { Gamepad2, UserX } from 'lucide-react'
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { MatchDetail } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { count } from '../kit/format'
import { Mark, type Tone } from '../kit/state'
import { useCan, useMe } from '../session/me'
import { Card, Section } from '../shell/header'
import { type Player, act } from './api'
import { fold } from './board'
import { BoardView, Deeds } from './game'
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

export function Live({ of }: { of: MatchDetail }) {
  const me = useMe()
  const can = useCan()
  const id = of.match.id
  const isDemo = of.match.title === 'tic-tac-toe'
  const [isPlaying, setPlaying] = useState(() => sessionStorage.getItem(`ostler.seat.${id}`) !== null)
  const [state, socket] = useSocket(id, isPlaying ? me.user.name : undefined)
  const roster: Player[] = of.info?.clients ?? []
  const players = of.match.phase === 'active' && state !== undefined && state.players.length > 0 ? state.players : roster
  const stream = STREAM[state?.status ?? 'connecting']
  const board = fold(players, (state?.done ?? []).map((one) => one.intent))
  const winner = board.winner === undefined ? undefined : players[board.winner.who]?.clientID
  useEffect(() => {
    if (isPlaying && winner !== undefined) socket?.vote(winner)
  }, [isPlaying, winner, socket])
  return (
    <div className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_320px]">
      <div className="flex min-w-0 flex-col gap-6">
        {isDemo && (
          <Section title="Board" about={of.match.phase === 'lobby' ? 'The first two players play, everybody else watches. Open this page twice to play against yourself.' : undefined}>
            <div className="w-72 max-w-full">
              <BoardView players={players} intents={(state?.done ?? []).map((one) => one.intent)} me={state?.me} {...(isPlaying && of.match.phase === 'active' ? { onMark: (cell: number) => socket?.play({ type: 'mark_cell', cell }) } : {})} />
            </div>
            {of.match.phase === 'lobby' && !isPlaying && can('match:operate') && (
              <div>
                <Button
                  icon={Gamepad2}
                  onClick={() => {
                    sessionStorage.setItem(`ostler.seat.${id}`, '1')
                    setPlaying(true)
                  }}
                >
                  Take a seat
                </Button>
              </div>
            )}
          </Section>
        )}
        <Section
          title="What is done"
          action={
            <span className="live inline-flex items-center gap-2 text-12 text-ink-2">
              <Mark tone={stream.tone} />
              {stream.word}
              {(state?.turns ?? 0) > 0 && <span className="font-mono tabular-nums">turn {count(state?.turns ?? 0)}</span>}
            </span>
          }
        >
          <Card>
            <Deeds players={players} done={state?.done ?? []} />
          </Card>
        </Section>
      </div>
      <Roster id={id} players={roster} mine={state?.me} />
    </div>
  )
}

function Roster({ id, players, mine }: { id: string; players: Player[]; mine: string | undefined }) {
  const can = useCan()
  const [kicked, setKicked] = useState<Player>()
  const kick = useMutation({ mutationFn: (client: string) => act(id, { verb: 'kick', client }), onSuccess: () => setKicked(undefined) })
  return (
    <Section title={players.length === 0 ? 'Players' : `Players, ${players.length}`}>
      <Card>
        {players.length === 0 ? (
          <p className="px-3 py-6 text-center text-13 text-ink-3">Nobody is here yet.</p>
        ) : (
          <ul aria-label="Players">
            {players.map((player) => (
              <li key={player.clientID} className="flex h-10 items-center gap-2.5 border-b border-line px-3 text-13 last:border-b-0">
                <Mark tone="running" />
                <span className="min-w-0 flex-1 truncate font-medium">
                  {player.clanTag != null && <span className="text-ink-3">[{player.clanTag}] </span>}
                  {player.username}
                  {player.clientID === mine && <span className="font-normal text-ink-3"> you</span>}
                </span>
                <code className="font-mono text-12 text-ink-3">{player.clientID}</code>
                {can('match:operate') && <IconButton icon={UserX} label={`Kick ${player.username}`} onClick={() => setKicked(player)} />}
              </li>
            ))}
          </ul>
        )}
      </Card>
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
