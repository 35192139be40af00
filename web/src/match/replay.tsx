// A finished match, turn by turn: a scrubber, the board, what was done until then.

import { useQuery } from '@tanstack/react-query'
import { Download, Pause, Play, SkipBack } from 'lucide-react'
import { Slider as Radix } from 'radix-ui'
import { useEffect, useMemo, useState } from 'react'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { count } from '../kit/format'
import { useShortcut } from '../kit/shortcut'
import { Skeleton } from '../kit/skeleton'
import { Segments } from '../kit/tabs'
import { Card, Section } from '../shell/header'
import { type Turn, archiveQuery } from './api'
import { BoardView, Deeds } from './game'

const SPEEDS = [
  { value: '1', label: '1×' },
  { value: '4', label: '4×' },
  { value: '16', label: '16×' },
]
const STEP_MS = 100
const NONE: Turn[] = []

export function Replay({ id, title }: { id: string; title: string }) {
  const archive = useQuery(archiveQuery(id))
  const [at, setAt] = useState(0)
  const [isPlaying, setPlaying] = useState(false)
  const [speed, setSpeed] = useState('4')
  const turns = archive.data?.turns ?? NONE
  const done = useMemo(() => turns.flatMap((turn) => turn.intents.map((intent) => ({ turn: turn.turnNumber, intent }))), [turns])
  const isAtEnd = at >= turns.length
  useEffect(() => {
    if (!isPlaying) return
    const timer = setInterval(() => setAt((now) => Math.min(turns.length, now + Number(speed))), STEP_MS)
    return () => clearInterval(timer)
  }, [isPlaying, speed, turns.length])
  const running = isPlaying && !isAtEnd
  const toggle = () => {
    if (isAtEnd) setAt(0)
    setPlaying(isAtEnd || !isPlaying)
  }
  useShortcut({ keys: 'p', label: 'Play or pause the replay', group: 'Match', run: toggle })
  if (archive.error !== null) return <ErrorBox error={archive.error} doing="read the archive" onRetry={() => void archive.refetch()} />
  if (archive.data === undefined) return <Skeleton className="h-72 w-full" />
  const seen = done.filter((one) => one.turn < at)
  const players = archive.data.startInfo?.players ?? archive.data.players
  return (
    <div className="flex flex-col gap-6">
      <Section
        title="Replay"
        action={
          <a className="inline-flex items-center gap-1.5 rounded text-13 text-ink-2 hover:text-ink" href={`/api/v1/matches/${id}/archive`} download={`match-${id}.json`}>
            <Download size={14} aria-hidden />
            Download archive
          </a>
        }
      >
        <Card className="flex flex-wrap items-center gap-3 p-3">
          <Button icon={SkipBack} disabled={at === 0} onClick={() => setAt(0)}>
            Rewind
          </Button>
          <Button look="main" icon={running ? Pause : Play} onClick={toggle} disabled={turns.length === 0}>
            {running ? 'Pause' : 'Play'}
          </Button>
          <Radix.Root
            min={0}
            max={Math.max(1, turns.length)}
            step={1}
            value={[at]}
            onValueChange={([next]) => setAt(next ?? 0)}
            className="relative flex h-8 min-w-40 flex-1 touch-none items-center select-none"
          >
            <Radix.Track className="relative h-1 grow rounded-full bg-line-strong">
              <Radix.Range className="absolute h-full rounded-full bg-accent" />
              {turns.length > 0 &&
                done.slice(0, 400).map((one, n) => <span key={n} aria-hidden className="absolute -top-1 h-3 w-px bg-ink-3" style={{ left: `${(one.turn / turns.length) * 100}%` }} />)}
            </Radix.Track>
            <Radix.Thumb aria-label="Turn" aria-valuetext={`Turn ${at} of ${turns.length}`} className="block size-4 rounded-full border-2 border-accent bg-surface transition-transform duration-[120ms] hover:scale-110" />
          </Radix.Root>
          <span className="w-28 text-right font-mono text-12 text-ink-2 tabular-nums">
            {count(at)} / {count(turns.length)}
          </span>
          <Segments label="Speed" value={speed} onValue={setSpeed} options={SPEEDS} />
        </Card>
      </Section>
      <div className="grid gap-6 lg:grid-cols-[auto_1fr]">
        {title === 'tic-tac-toe' && (
          <Section title="Board">
            <div className="w-72 max-w-full">
              <BoardView players={players} intents={seen.map((one) => one.intent)} />
            </div>
          </Section>
        )}
        <Section title="What was done">
          <Card>
            <Deeds players={players} done={seen} />
          </Card>
        </Section>
      </div>
    </div>
  )
}
