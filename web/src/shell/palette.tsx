// The palette: go to anything, do anything, in the words of the command line.

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { BookOpen, Boxes, CornerDownLeft, Gamepad2, type LucideIcon, LogOut, Moon, Plus, Sun } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import { useMemo, useRef, useState } from 'react'
import { cx } from '../kit/cx'
import { rank } from '../kit/rank'
import { Keys } from '../kit/keys'
import { Mark, type Tone, toneOf, wordOf } from '../kit/state'
import { nodesQuery } from '../node/api'
import { useCan, useWorkspace } from '../session/me'
import { ICONS, useVerbs } from '../workload/actions'
import { type PowerVerb, workloadsQuery } from '../workload/api'
import { VERBS, canDo } from '../workload/state'
import { PLACES } from './places'
import { useSignOut } from './sign-out'
import { setTheme } from './theme'

interface Item {
  id: string
  label: string
  /** Also found by these. */
  words?: string
  hint?: string
  icon?: LucideIcon
  tone?: Tone
  keys?: string
  run: () => void
}

const MOST = 40

function useItems(onClose: () => void, verbs: ReturnType<typeof useVerbs>): Item[] {
  const { workspace } = useWorkspace()
  const can = useCan()
  const navigate = useNavigate()
  const signOut = useSignOut()
  const workloads = useQuery(workloadsQuery(workspace)).data?.items ?? []
  const nodes = useQuery(nodesQuery(workspace)).data?.items ?? []
  const items: Item[] = []
  const add = (item: Item) =>
    items.push({
      ...item,
      run: () => {
        onClose()
        item.run()
      },
    })
  for (const place of PLACES) {
    if (place.needs !== undefined && !can(place.needs)) continue
    add({ id: `go ${place.label}`, label: place.label, hint: 'Go to', icon: place.icon, keys: place.keys, run: () => void navigate({ to: place.to }) })
  }
  if (can('workload:write')) add({ id: 'game create', label: 'New game server', words: 'game create', icon: Plus, keys: 'c', run: () => void navigate({ to: '/workloads/new' }) })
  if (can('node:write')) add({ id: 'node join', label: 'Add node', words: 'node join', icon: Boxes, run: () => void navigate({ to: '/nodes', search: { join: true } }) })
  add({ id: 'docs', label: 'API reference', words: 'docs openapi', icon: BookOpen, run: () => void navigate({ to: '/api/v1/docs' }) })
  add({ id: 'dark', label: 'Use the dark theme', icon: Moon, run: () => setTheme('dark') })
  add({ id: 'light', label: 'Use the light theme', icon: Sun, run: () => setTheme('light') })
  add({ id: 'logout', label: 'Sign out', words: 'logout', icon: LogOut, run: signOut })
  for (const w of workloads) {
    add({ id: w.id, label: w.name, words: `${w.template} ${w.address ?? ''} ${w.id}`, hint: wordOf(w.state), icon: Gamepad2, tone: toneOf(w.state), run: () => void navigate({ to: '/workloads/$workload', params: { workload: w.id } }) })
  }
  for (const node of nodes) {
    add({ id: node.id, label: node.name, words: `${node.facts.hostname} ${node.facts.address} ${node.id}`, hint: wordOf(node.state), icon: Boxes, tone: toneOf(node.state), run: () => void navigate({ to: '/nodes/$node', params: { node: node.id } }) })
  }
  for (const w of workloads) {
    add({ id: `console ${w.id}`, label: `Open the console of ${w.name}`, words: 'game console', icon: Gamepad2, run: () => void navigate({ to: '/workloads/$workload/console', params: { workload: w.id } }) })
    if (!can('workload:operate')) continue
    for (const verb of ['start', 'stop', 'restart', 'kill'] as PowerVerb[]) {
      if (canDo(verb, w)) add({ id: `${verb} ${w.id}`, label: `${VERBS[verb].replace(' server', '')} ${w.name}`, words: `game ${verb}`, icon: ICONS[verb], run: () => verbs.run(w, verb) })
    }
  }
  return items
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [isOpen, setOpen] = useState(true)
  // Kill asks first: the question outlives the palette.
  const verbs = useVerbs()
  const hide = () => setOpen(false)
  return (
    <>
      <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
        <Radix.Portal>
          <Radix.Overlay className="fade fixed inset-0 z-40 bg-scrim" />
          <Radix.Content aria-describedby={undefined} className="appear fixed inset-x-3 top-[12vh] z-40 mx-auto flex max-h-[64vh] max-w-xl flex-col overflow-hidden rounded border border-line bg-raised shadow-float outline-none">
            <Radix.Title className="sr-only">Search and do</Radix.Title>
            <Find onClose={hide} verbs={verbs} onDone={onClose} />
          </Radix.Content>
        </Radix.Portal>
      </Radix.Root>
      {verbs.questions}
    </>
  )
}

function Find({ onClose, verbs, onDone }: { onClose: () => void; verbs: ReturnType<typeof useVerbs>; onDone: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  const items = useItems(onClose, verbs)
  const found = useMemo(() => rank(items, text, (item) => ({ main: item.label, more: item.words ?? '' })).slice(0, MOST), [items, text])
  const move = (to: number) => {
    const next = found.length === 0 ? 0 : (to + found.length) % found.length
    setAt(next)
    list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: 'nearest' })
  }
  const pick = (item: Item | undefined) => {
    if (item === undefined) return
    item.run()
    // A kill is not done yet: its question is part of the palette and goes with it.
    if (!item.id.startsWith('kill ')) onDone()
  }
  const current = found[at]
  return (
    <>
      <input
        autoFocus
        role="combobox"
        aria-expanded
        aria-controls="palette"
        aria-activedescendant={current === undefined ? undefined : `palette-${at}`}
        aria-label="Search and do"
        placeholder="Search servers, nodes, pages and actions"
        value={text}
        onChange={(change) => {
          setText(change.target.value)
          setAt(0)
        }}
        onKeyDown={(key) => {
          const act = { ArrowDown: () => move(at + 1), ArrowUp: () => move(at - 1), Enter: () => pick(current) }[key.key]
          if (act === undefined) return
          key.preventDefault()
          act()
        }}
        className="h-12 w-full border-b border-line bg-transparent px-4 text-14 outline-none"
      />
      <div ref={list} id="palette" role="listbox" aria-label="Results" className="min-h-0 overflow-y-auto p-1.5">
        {found.length === 0 && <p className="px-3 py-6 text-center text-13 text-ink-3">Nothing is called that.</p>}
        {found.map((item, i) => (
          <div
            key={item.id}
            id={`palette-${i}`}
            data-at={i}
            role="option"
            aria-selected={i === at}
            onMouseMove={() => i !== at && setAt(i)}
            onClick={() => pick(item)}
            className={cx('flex h-9 cursor-pointer items-center gap-3 rounded px-2.5 text-13', i === at && 'bg-hover')}
          >
            {item.icon && <item.icon size={15} aria-hidden className="text-ink-2" />}
            <span className="min-w-0 flex-1 truncate">{item.label}</span>
            {item.tone !== undefined && <Mark tone={item.tone} />}
            {item.hint !== undefined && <span className="text-12 text-ink-3">{item.hint}</span>}
            {item.keys !== undefined && <Keys of={item.keys} />}
            {i === at && <CornerDownLeft size={13} aria-hidden className="text-ink-3" />}
          </div>
        ))}
      </div>
    </>
  )
}
