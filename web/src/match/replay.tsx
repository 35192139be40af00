// A finished match, turn by turn: a scrubber, the board, who took part, what was done until then.

import { useQuery } from '@tanstack/react-query'
import { Download, Pause, Play, SkipBack, StepBack, StepForward } from 'lucide-react'
import { Slider as Radix } from 'radix-ui'
import { useEffect, useMemo, useState } from 'react'
import { Button, IconButton } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { count, position } from '../kit/format'
import { useShortcut } from '../kit/shortcut'
import { Skeleton } from '../kit/skeleton'
import { Segments } from '../kit/tabs'
import { Card, Section } from '../shell/header'
import { type Turn, archiveQuery } from './api'
import { BoardView, Deeds, PlayerRow } from './game'
import { winnersOf } from './words'

const SPEEDS = [
  { value: '1', label: '1×' },
  { value: '4', label: '4×' },
  { value: '16', label: '16×' },
]
const STEP_MS = 100
/** More marks than this on the track could not be told apart. */
const MARKS_MOST = 400
const NONE: Turn[] = []

export function Replay({ id, title, paceMs }: { id: string; title: string; paceMs: number }) {
  const archive = useQuery(archiveQuery(id))
  const turns = archive.data?.turns ?? NONE
  // How it ended is what one comes for; Play begins at the beginning.
  const [place, setPlace] = useState<number>()
  const at = Math.min(place ?? turns.length, turns.length)
  const [isPlaying, setPlaying] = useState(false)
  const [speed, setSpeed] = useState('4')
  const done = useMemo(() => turns.flatMap((turn) => turn.intents.map((intent) => ({ turn: turn.turnNumber, intent }))), [turns])
  const isAtEnd = at >= turns.length
  useEffect(() => {
    if (!isPlaying) return
    const timer = setInterval(() => setPlace((now) => Math.min(turns.length, (now ?? turns.length) + Number(speed))), STEP_MS)
    return () => clearInterval(timer)
  }, [isPlaying, speed, turns.length])
  const running = isPlaying && !isAtEnd
  const toggle = () => {
    if (isAtEnd) setPlace(0)
    setPlaying(isAtEnd || !isPlaying)
  }
  const go = (to: number | undefined) => {
    setPlaying(false)
    if (to !== undefined) setPlace(to)
  }
  // A turn has been seen when one stands behind it.
  const before = done.findLast((one) => one.turn + 1 < at)
  const after = done.find((one) => one.turn >= at)
  const back = () => go(before === undefined ? 0 : before.turn + 1)
  const on = () => go(after === undefined ? turns.length : after.turn + 1)
  useShortcut({ keys: 'p', label: 'Play or pause the replay', group: 'Match', run: toggle })
  useShortcut({ keys: '[', label: 'Back to the last thing done', group: 'Match', run: back })
  useShortcut({ keys: ']', label: 'On to the next thing done', group: 'Match', run: on })
  if (archive.error !== null) return <ErrorBox error={archive.error} doing="read the archive" onRetry={() => void archive.refetch()} />
  if (archive.data === undefined) return <Waiting />
  const seen = done.filter((one) => one.turn < at)
  const players = archive.data.startInfo?.players ?? archive.data.players
  const winners = winnersOf(archive.data.winner)
  const hasBoard = title === 'tic-tac-toe'
  return (
    <div className="flex flex-col gap-6">
      <Section title="Replay" action={<Get id={id} />}>
        <Card className="flex flex-wrap items-center gap-x-4 gap-y-2 p-3">
          <div className="flex items-center gap-1">
            <Button look="main" icon={running ? Pause : Play} onClick={toggle} disabled={turns.length === 0} className="w-20 sm:w-24">
              {running ? 'Pause' : 'Play'}
            </Button>
            <IconButton icon={SkipBack} label="To the beginning" disabled={at === 0} onClick={() => go(0)} className="ml-1 size-8" />
            <IconButton icon={StepBack} label="Back to the last thing done" shortcut="[" disabled={at === 0} onClick={back} className="size-8" />
            <IconButton icon={StepForward} label="On to the next thing done" shortcut="]" disabled={isAtEnd} onClick={on} className="size-8" />
          </div>
          <div className="order-2 flex min-w-full flex-1 items-center md:order-none md:min-w-0">
            <Track at={at} whole={turns.length} marks={done} onAt={setPlace} paceMs={paceMs} />
          </div>
          <span className="order-1 ml-auto text-right md:order-none font-mono text-12 whitespace-nowrap text-ink-2">
            {position(at * paceMs)} <span className="text-ink-3">/ {position(turns.length * paceMs)}</span>
          </span>
          <span className="order-3 md:order-none">
            <Segments label="Speed" value={speed} onValue={setSpeed} options={SPEEDS} />
          </span>
        </Card>
      </Section>
      <div className="grid gap-x-8 gap-y-6 lg:grid-cols-[320px_minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-6">
          {hasBoard && (
            <Section title="Board">
              <div className="max-w-xs">
                <BoardView players={players} intents={seen.map((one) => one.intent)} />
              </div>
            </Section>
          )}
          <Section title="Players" action={<span className="text-12 text-ink-3">{count(players.length)}</span>}>
            <Card>
              {players.length === 0 ? (
                <p className="px-3 py-6 text-center text-13 text-ink-3">Nobody took part.</p>
              ) : (
                <ul aria-label="Players">
                  {players.map((player, n) => (
                    <PlayerRow key={player.clientID} player={player} at={n} hasBoard={hasBoard} isWinner={winners.includes(player.clientID)} />
                  ))}
                </ul>
              )}
            </Card>
          </Section>
        </div>
        <Section title="What was done" action={<span className="font-mono text-12 text-ink-3">turn {count(at)} of {count(turns.length)}</span>}>
          <Card className="min-w-0">
            <Deeds players={players} done={seen} paceMs={paceMs} />
          </Card>
        </Section>
      </div>
    </div>
  )
}

function Track({ at, whole, marks, onAt, paceMs }: { at: number; whole: number; marks: { turn: number }[]; onAt: (at: number) => void; paceMs: number }) {
  return (
    <Radix.Root min={0} max={Math.max(1, whole)} step={1} value={[at]} onValueChange={([next]) => onAt(next ?? 0)} className="relative flex h-8 flex-1 touch-none items-center select-none">
      <Radix.Track className="relative h-1 grow rounded-full bg-line-strong">
        <Radix.Range className="absolute h-full rounded-full bg-accent" />
        {marks.slice(0, MARKS_MOST).map((one, n) => (
          <span key={n} aria-hidden className="absolute top-2.5 h-1.5 w-0.5 -translate-x-px rounded-full bg-ink-3" style={{ left: `${((one.turn + 1) / whole) * 100}%` }} />
        ))}
      </Radix.Track>
      <Radix.Thumb aria-label="Turn" aria-valuetext={`Turn ${at} of ${whole}, ${position(at * paceMs)}`} className="block size-4 rounded-full border-2 border-accent bg-surface transition-transform duration-[120ms] hover:scale-110" />
    </Radix.Root>
  )
}

const Get = ({ id }: { id: string }) => (
  <a className="inline-flex items-center gap-1.5 rounded text-13 text-ink-2 hover:text-ink" href={`/api/v1/matches/${id}/archive`} download={`match-${id}.json`}>
    <Download size={14} aria-hidden />
    Download archive
  </a>
)

/** As large as what comes. */
const Waiting = () => (
  <div aria-busy className="flex flex-col gap-6">
    <Skeleton className="mt-8 h-14 w-full" />
    <div className="grid gap-x-8 gap-y-6 lg:grid-cols-[320px_minmax(0,1fr)]">
      <Skeleton className="mt-8 h-80 w-full max-w-xs" />
      <Skeleton className="mt-8 h-80 w-full" />
    </div>
  </div>
)
