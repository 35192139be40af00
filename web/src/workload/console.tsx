// The console: what the program says, and a line to say something back.
//
// Plain elements instead of a terminal: lines can be selected, searched by the browser and read aloud. Blocks of lines
// that are out of sight cost nothing (`content-visibility`).

import { ArrowDown, CornerDownLeft, Pause, Play, Unplug } from 'lucide-react'
import { type KeyboardEvent, memo, type ReactNode, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { ConsoleLine, Workload } from '../api/types'
import { pieces } from '../kit/ansi'
import { Button, IconButton } from '../kit/button'
import { Copy } from '../kit/code'
import { cx } from '../kit/cx'
import { SearchInput } from '../kit/field'
import { clock, count } from '../kit/format'
import { useShortcut } from '../kit/shortcut'
import { Segments } from '../kit/tabs'
import { BLOCK, type ConsoleState, ConsoleSocket } from './console-socket'
import { useMay } from './rights'

const NOTHING: ConsoleState = { lines: [], status: 'connecting', refusal: undefined }

function useConsole(workload: string): { state: ConsoleState; send: (command: string) => void } {
  const [holder] = useState(() => ({ socket: undefined as ConsoleSocket | undefined, listeners: new Set<() => void>() }))
  useEffect(() => {
    const tell = () => holder.listeners.forEach((listener) => listener())
    const socket = new ConsoleSocket(workload, tell)
    holder.socket = socket
    return () => {
      socket.close()
      holder.socket = undefined
    }
  }, [workload, holder])
  const state = useSyncExternalStore(
    (listener) => {
      holder.listeners.add(listener)
      return () => holder.listeners.delete(listener)
    },
    () => holder.socket?.state ?? NOTHING,
  )
  return { state, send: (command) => holder.socket?.send(command) }
}

export function Console({ workload }: { workload: Workload }) {
  const { state, send } = useConsole(workload.id)
  const may = useMay()
  const [search, setSearch] = useState('')
  const [stream, setStream] = useState('all')
  const [isFollowing, setFollowing] = useState(true)
  /** What was there when somebody wanted to read in peace. */
  const [held, setHeld] = useState<ConsoleLine[]>()
  const box = useRef<HTMLDivElement>(null)
  const searchBox = useRef<HTMLInputElement>(null)
  useShortcut({ keys: '/', label: 'Search the console', group: 'Console', run: () => searchBox.current?.focus() })
  const pause = () => setHeld(held === undefined ? state.lines : undefined)
  useShortcut({ keys: 'p', label: 'Pause or resume the console', group: 'Console', run: pause })
  const lines = held ?? state.lines
  const shown = useMemo(() => filter(lines, search, stream), [lines, search, stream])
  const isFiltered = search !== '' || stream !== 'all'
  useEffect(() => {
    if (isFollowing && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [shown, isFollowing])
  const isUp = ['running', 'degraded', 'starting'].includes(workload.state)
  return (
    <section aria-label="Console" className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
        <SearchInput ref={searchBox} label="Search the console" value={search} onValue={setSearch} className="w-full sm:w-60" />
        <Segments label="Which lines" value={stream} onValue={setStream} options={[{ value: 'all', label: 'All' }, { value: 'err', label: 'stderr' }, { value: 'in', label: 'Commands' }]} />
        <span className="text-12 text-ink-3">
          {isFiltered ? `${count(shown.length)} of ${count(lines.length)} lines` : `${count(lines.length)} lines`}
          {held !== undefined && ` · paused, ${count(newer(state.lines, held))} more since`}
        </span>
        {state.status === 'lost' && (
          <span role="status" className="flex items-center gap-1.5 text-12 text-degraded">
            <Unplug size={13} aria-hidden /> Not connected; trying again
          </span>
        )}
        <IconButton icon={held === undefined ? Pause : Play} label={held === undefined ? 'Pause' : 'Resume'} shortcut="p" aria-pressed={held !== undefined} onClick={pause} className="ml-auto" />
        <Copy text={() => shown.map((line) => line.text).join('\n')} label="Copy these lines" />
      </div>
      <div className="relative min-h-0 flex-1">
        <div
          ref={box}
          role="log"
          aria-label="Console output"
          aria-live="off"
          tabIndex={0}
          onScroll={(scroll) => {
            const { scrollTop, scrollHeight, clientHeight } = scroll.currentTarget
            setFollowing(scrollHeight - scrollTop - clientHeight < 24)
          }}
          className="h-full overflow-y-auto bg-bg py-2 font-mono text-12 leading-5 -outline-offset-2"
        >
          {shown.length === 0 && <p className="px-4 py-2 font-sans text-13 text-ink-3 sm:px-6">{nothing(state, search, isUp)}</p>}
          {blocks(shown).map((block) => (
            <Block key={block.key} lines={block.lines} before={isFiltered ? undefined : block.before} search={search} />
          ))}
        </div>
        {!isFollowing && (
          <Button small icon={ArrowDown} onClick={() => setFollowing(true)} className="fade absolute right-4 bottom-3 shadow-float">
            Follow
          </Button>
        )}
      </div>
      <Prompt workload={workload} send={send} refusal={state.refusal} isAllowed={may('workload:operate', workload)} isUp={isUp} />
    </section>
  )
}

function nothing(state: ConsoleState, search: string, isUp: boolean): string {
  if (search !== '') return 'No line matches.'
  if (state.status === 'connecting') return 'Connecting…'
  if (state.status === 'lost') return 'The console is not connected. Its node may be away.'
  return isUp ? 'It has not said anything yet.' : 'Start the server to see what it says.'
}

export function filter(lines: ConsoleLine[], search: string, stream: string): ConsoleLine[] {
  const word = search.toLowerCase()
  if (word === '' && stream === 'all') return lines
  return lines.filter((line) => (stream === 'all' || line.stream === stream) && line.text.toLowerCase().includes(word))
}

/** How many lines came after those that are held. */
function newer(lines: ConsoleLine[], held: ConsoleLine[]): number {
  const last = held.at(-1)?.seq ?? -1
  return Math.max(0, (lines.at(-1)?.seq ?? -1) - last)
}

interface Piece {
  key: number
  lines: ConsoleLine[]
  /** The number of the line before, to notice what is missing. */
  before: number | undefined
}

/** Cut at fixed sequence numbers, so that a block that is full never renders again. */
function blocks(lines: ConsoleLine[]): Piece[] {
  const out: Piece[] = []
  let before: number | undefined
  for (const line of lines) {
    const key = Math.floor(line.seq / BLOCK)
    if (out.at(-1)?.key !== key) out.push({ key, lines: [], before })
    out.at(-1)?.lines.push(line)
    before = line.seq
  }
  return out
}

const Block = memo(
  function Block({ lines, before, search }: { lines: ConsoleLine[]; before: number | undefined; search: string }) {
    return (
      <div style={{ contentVisibility: 'auto', containIntrinsicSize: `auto ${lines.length * 20}px` }}>
        {lines.map((line, i) => {
          const last = before === undefined ? undefined : (lines[i - 1]?.seq ?? before)
          return <Line key={line.seq} line={line} missing={last === undefined ? 0 : line.seq - last - 1} search={search} />
        })}
      </div>
    )
  },
  (a, b) => a.search === b.search && a.before === b.before && a.lines.length === b.lines.length && a.lines[0] === b.lines[0] && a.lines.at(-1) === b.lines.at(-1),
)

// Many programs write everything to stderr, so it is marked, not coloured: colour is for state.
const LOOKS: Record<ConsoleLine['stream'], string> = { out: 'text-ink', err: 'text-ink', in: 'text-accent-ink', agent: 'text-ink-2 italic' }

function Line({ line, missing, search }: { line: ConsoleLine; missing: number; search: string }) {
  return (
    <>
      {missing > 0 && <p className="px-4 text-ink-3 sm:px-6">… {count(missing)} lines were dropped</p>}
      <div className={cx('flex gap-3 border-l-2 px-3.5 hover:bg-hover sm:px-[22px]', line.stream === 'err' ? 'border-line-strong' : 'border-transparent')}>
        <time dateTime={line.at} title={line.at} className="hidden shrink-0 text-ink-3 select-none sm:block">
          {clock(Date.parse(line.at))}
        </time>
        <span className={cx('min-w-0 break-words whitespace-pre-wrap', LOOKS[line.stream])}>
          {line.stream === 'in' && <span className="select-none">{'> '}</span>}
          {line.stream === 'agent' && <span className="not-italic select-none">ostler: </span>}
          {pieces(line.text).map((piece, i) => (piece.classes === '' ? <Found key={i} text={piece.text} search={search} /> : <span key={i} className={piece.classes}><Found text={piece.text} search={search} /></span>))}
        </span>
      </div>
    </>
  )
}

/** The text, with what was searched for marked. */
function Found({ text, search }: { text: string; search: string }) {
  if (search === '') return text
  const parts: ReactNode[] = []
  const low = text.toLowerCase()
  const word = search.toLowerCase()
  let from = 0
  for (let at = low.indexOf(word); at !== -1; at = low.indexOf(word, from)) {
    parts.push(text.slice(from, at), <mark key={at} className="rounded bg-selected font-medium text-accent-ink">{text.slice(at, at + word.length)}</mark>)
    from = at + word.length
  }
  return [...parts, text.slice(from)]
}

/** The line to type in; arrows bring back what was typed before. */
function Prompt({ workload, send, refusal, isAllowed, isUp }: { workload: Workload; send: (command: string) => void; refusal: string | undefined; isAllowed: boolean; isUp: boolean }) {
  const [text, setText] = useState('')
  const [history, setHistory] = useState<string[]>([])
  const [at, setAt] = useState(0)
  const input = useRef<HTMLInputElement>(null)
  useShortcut(isAllowed && isUp ? { keys: 'i', label: 'Type into the console', group: 'Console', run: () => input.current?.focus() } : undefined)
  const recall = (key: KeyboardEvent, by: number) => {
    key.preventDefault()
    const next = Math.max(0, Math.min(history.length, at + by))
    setAt(next)
    setText(history[next] ?? '')
  }
  const isOff = !isAllowed || !isUp
  return (
    <form
      data-bottom-bar
      className="border-t border-line bg-surface"
      onSubmit={(submit) => {
        submit.preventDefault()
        if (text.trim() === '') return
        send(text)
        setHistory([...history.slice(-99), text])
        setAt(Math.min(history.length, 99) + 1)
        setText('')
      }}
    >
      {refusal !== undefined && (
        <p role="alert" className="px-4 pt-2 text-12 text-failed sm:px-6">
          The command did not arrive: {refusal}
        </p>
      )}
      <div className="flex items-center gap-2 px-4 py-2 sm:px-6">
        <span aria-hidden className="font-mono text-13 text-ink-3">
          &gt;
        </span>
        <input
          ref={input}
          aria-label={`Type a command to ${workload.name}`}
          value={text}
          disabled={isOff}
          maxLength={4096}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          placeholder={!isAllowed ? 'You may watch, not type' : isUp ? 'Type a command' : 'Start the server to type'}
          onChange={(change) => setText(change.target.value)}
          onKeyDown={(key) => {
            if (key.key === 'ArrowUp') recall(key, -1)
            if (key.key === 'ArrowDown') recall(key, 1)
            if (key.key === 'Escape') key.currentTarget.blur()
          }}
          className="h-8 min-w-0 flex-1 bg-transparent font-mono text-13 outline-none disabled:opacity-60"
        />
        <Button small type="submit" icon={CornerDownLeft} disabled={isOff || text.trim() === ''}>
          Send
        </Button>
      </div>
    </form>
  )
}
