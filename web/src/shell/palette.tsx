// The palette: go to anything, do anything, in the words of the command line.

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useRouter } from '@tanstack/react-router'
import { BookOpen, Boxes, Clock, CornerDownLeft, Gamepad2, type LucideIcon, LogOut, Moon, Plus, Sun } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import { useRef, useState } from 'react'
import type { SearchHit } from '../api/types'
import { cx } from '../kit/cx'
import { ErrorBox } from '../kit/error'
import { Keys } from '../kit/keys'
import { rank } from '../kit/rank'
import { Mark, type Tone, toneOf, wordOf } from '../kit/state'
import { nodesQuery } from '../node/api'
import { chooseWorkspace, useCan, useMe, useWorkspace } from '../session/me'
import { ICONS, useVerbs } from '../workload/actions'
import { type PowerVerb, workloadsQuery } from '../workload/api'
import { VERBS, canDo } from '../workload/state'
import { askForWorkspace } from '../workspace/new'
import { PLACES } from './places'
import { recent } from './recent'
import { type Found, KINDS, useFound } from './search'
import { useSignOut } from './sign-out'
import { setTheme } from './theme'

interface Item {
  id: string
  label: string
  /** Also found by these. */
  words?: string
  /** Beside the label, smaller. */
  about?: string
  hint?: string | undefined
  icon?: LucideIcon | undefined
  tone?: Tone
  keys?: string
  run: () => void
}

/** Shown of one group. */
const MOST = 12

interface Group {
  label: string
  items: Item[]
}

type Verbs = ReturnType<typeof useVerbs>

/** Where to go and what to do without looking for anything. */
function usePages(): { pages: Item[]; actions: Item[] } {
  const can = useCan()
  const navigate = useNavigate()
  const signOut = useSignOut()
  const me = useMe()
  const pages: Item[] = PLACES.filter((place) => place.needs === undefined || can(place.needs)).map((place) => ({
    id: `go ${place.label}`,
    label: place.label,
    icon: place.icon,
    keys: place.keys,
    run: () => void navigate({ to: place.to }),
  }))
  pages.push({ id: 'docs', label: 'API reference', words: 'docs openapi', icon: BookOpen, run: () => void navigate({ to: '/api/v1/docs' }) })
  const actions: Item[] = []
  if (can('workload:write')) actions.push({ id: 'game create', label: 'New game server', words: 'game create', icon: Plus, keys: 'c', run: () => void navigate({ to: '/workloads/new' }) })
  if (can('node:write')) actions.push({ id: 'node join', label: 'Add node', words: 'node join', icon: Boxes, run: () => void navigate({ to: '/nodes', search: { join: true } }) })
  if (me.user.is_platform_admin) actions.push({ id: 'workspace create', label: 'New workspace', words: 'workspace create', icon: Plus, run: () => askForWorkspace(true) })
  actions.push({ id: 'dark', label: 'Use the dark theme', icon: Moon, run: () => setTheme('dark') })
  actions.push({ id: 'light', label: 'Use the light theme', icon: Sun, run: () => setTheme('light') })
  actions.push({ id: 'logout', label: 'Sign out', words: 'logout', icon: LogOut, run: signOut })
  return { pages, actions }
}

/** What this panel has loaded anyway: found at once, with its state, before the server has answered. */
function useNear(verbs: Verbs): { workloads: Item[]; nodes: Item[]; actions: Item[] } {
  const { workspace } = useWorkspace()
  const can = useCan()
  const navigate = useNavigate()
  const loaded = useQuery(workloadsQuery(workspace)).data?.items ?? []
  const nodes = useQuery(nodesQuery(workspace)).data?.items ?? []
  const actions: Item[] = []
  for (const w of loaded) {
    actions.push({ id: `console ${w.id}`, label: `Open the console of ${w.name}`, words: 'game console', icon: Gamepad2, run: () => void navigate({ to: '/workloads/$workload/console', params: { workload: w.id } }) })
    if (!can('workload:operate', w.id)) continue
    for (const verb of ['start', 'stop', 'restart', 'kill'] as PowerVerb[]) {
      if (canDo(verb, w)) actions.push({ id: `${verb} ${w.id}`, label: `${VERBS[verb].replace(' server', '')} ${w.name}`, words: `game ${verb}`, icon: ICONS[verb], run: () => verbs.run(w, verb) })
    }
  }
  return {
    workloads: loaded.map((w) => ({ id: w.id, label: w.name, words: `${w.template} ${w.address ?? ''}`, hint: wordOf(w.state), icon: Gamepad2, tone: toneOf(w.state), run: () => void navigate({ to: '/workloads/$workload', params: { workload: w.id } }) })),
    nodes: nodes.map((node) => ({ id: node.id, label: node.name, words: `${node.facts.hostname} ${node.facts.address}`, hint: wordOf(node.state), icon: Boxes, tone: toneOf(node.state), run: () => void navigate({ to: '/nodes/$node', params: { node: node.id } }) })),
    actions,
  }
}

/** What the server found, as things to go to. */
function useGo(): (hit: SearchHit) => Item {
  const router = useRouter()
  const { memberships } = useMe()
  const { workspace } = useWorkspace()
  return (hit) => {
    const home = memberships.find((m) => m.workspace === hit.workspace)
    const isElsewhere = hit.workspace != null && hit.workspace !== workspace
    return {
      id: hit.kind === 'event' ? `event ${hit.id}` : hit.kind === 'member' ? `member ${hit.workspace ?? ''} ${hit.id}` : hit.id,
      label: hit.title,
      about: hit.subtitle,
      icon: KINDS.find((known) => known.kind === hit.kind)?.icon,
      hint: isElsewhere && hit.kind !== 'workspace' ? home?.name : undefined,
      run: () => {
        if (isElsewhere && home !== undefined) chooseWorkspace(home.workspace)
        router.history.push(hit.path)
      },
    }
  }
}

function useGroups(text: string, verbs: Verbs, found: Found): Group[] {
  const { pages, actions } = usePages()
  const near = useNear(verbs)
  const go = useGo()
  const router = useRouter()
  const here = window.location.pathname
  if (text.trim() === '') {
    const last = recent()
      .filter((page) => page.path !== here)
      .map((page): Item => ({ id: `recent ${page.path}`, label: page.title, hint: page.above, icon: Clock, run: () => router.history.push(page.path) }))
    return [
      { label: 'Recent', items: last },
      { label: 'Go to', items: pages },
      { label: 'Do', items: actions },
    ]
  }
  const ranked = (items: Item[]) => rank(items, text, (item) => ({ main: item.label, more: item.words ?? '' }))
  const groups: Group[] = [{ label: 'Go to', items: ranked(pages) }]
  for (const { kind, label } of KINDS) {
    const loaded = kind === 'workload' ? near.workloads : kind === 'node' ? near.nodes : []
    const hits = found.hits.filter((hit) => hit.kind === kind).map((hit) => loaded.find((item) => item.id === hit.id) ?? go(hit))
    const more = ranked(loaded).filter((item) => !hits.includes(item))
    groups.push({ label, items: [...hits, ...more] })
  }
  groups.push({ label: 'Do', items: ranked([...actions, ...near.actions]) })
  return groups
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

function Find({ onClose, verbs, onDone }: { onClose: () => void; verbs: Verbs; onDone: () => void }) {
  const [text, setText] = useState('')
  // By name and not by place: answers that come in later must not move it.
  const [chosen, setChosen] = useState<string>()
  const list = useRef<HTMLDivElement>(null)
  const found = useFound(text)
  const groups = useGroups(text, verbs, found)
    .map((group) => ({ ...group, items: group.items.slice(0, MOST) }))
    .filter((group) => group.items.length > 0)
  const items = groups.flatMap((group) => group.items)
  const at = Math.max(0, items.findIndex((item) => item.id === chosen))
  const current = items[at]
  const move = (to: number) => {
    const next = items.length === 0 ? 0 : (to + items.length) % items.length
    setChosen(items[next]?.id)
    list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: 'nearest' })
  }
  const pick = (item: Item | undefined) => {
    if (item === undefined) return
    onClose()
    item.run()
    // A kill is not done yet: its question is part of the palette and goes with it.
    if (!item.id.startsWith('kill ')) onDone()
  }
  return (
    <>
      <div className="flex items-center border-b border-line pr-4">
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="palette"
          aria-activedescendant={current === undefined ? undefined : `palette-${at}`}
          aria-label="Search and do"
          placeholder="Search servers, nodes, people, pages and actions"
          maxLength={200}
          value={text}
          onChange={(change) => {
            setText(change.target.value)
            setChosen(undefined)
          }}
          onKeyDown={(key) => {
            const act = { ArrowDown: () => move(at + 1), ArrowUp: () => move(at - 1), Enter: () => pick(current) }[key.key]
            if (act === undefined) return
            key.preventDefault()
            act()
          }}
          className="h-12 min-w-0 flex-1 bg-transparent px-4 text-14 outline-none"
        />
        <span aria-hidden className="text-12 text-ink-3">
          {found.isBusy ? 'Searching…' : ''}
        </span>
      </div>
      <p role="status" className="sr-only">
        {found.isBusy ? '' : text.trim() === '' ? '' : `${items.length} found`}
      </p>
      {found.error !== undefined && (
        <div className="p-2.5 pb-0">
          <ErrorBox error={found.error} doing="search" onRetry={found.again} />
        </div>
      )}
      {items.length === 0 && !found.isBusy && found.error === undefined && (
        <p className="px-4 py-8 text-center text-13 text-ink-3">
          Nothing is called that. Try fewer letters, or only the beginning of a word.
        </p>
      )}
      <div ref={list} id="palette" role="listbox" tabIndex={-1} aria-label="Results" className="min-h-0 overflow-y-auto p-1.5 outline-none empty:hidden">
        {groups.map((group) => (
          <div key={group.label} role="group" aria-label={group.label}>
            <div aria-hidden className="px-2.5 pt-2 pb-1 text-12 text-ink-3">
              {group.label}
            </div>
            {group.items.map((item) => (
              <Row key={item.id} item={item} at={items.indexOf(item)} isChosen={item === current} onChoose={() => setChosen(item.id)} onPick={() => pick(item)} />
            ))}
          </div>
        ))}
      </div>
    </>
  )
}

function Row({ item, at, isChosen, onChoose, onPick }: { item: Item; at: number; isChosen: boolean; onChoose: () => void; onPick: () => void }) {
  return (
    <div
      id={`palette-${at}`}
      data-at={at}
      role="option"
      aria-selected={isChosen}
      onMouseMove={() => !isChosen && onChoose()}
      onClick={onPick}
      className={cx('flex h-9 cursor-pointer items-center gap-3 rounded px-2.5 text-13', isChosen && 'bg-hover')}
    >
      {item.icon && <item.icon size={15} aria-hidden className="shrink-0 text-ink-2" />}
      <span className="flex min-w-0 flex-1 items-baseline gap-2">
        <span className="max-w-full truncate">{item.label}</span>
        {item.about !== undefined && item.about !== '' && <span className="min-w-0 flex-1 truncate text-12 text-ink-3">{item.about}</span>}
      </span>
      {item.tone !== undefined && <Mark tone={item.tone} />}
      {item.hint !== undefined && <span className="max-w-[30%] shrink-0 truncate text-12 text-ink-3">{item.hint}</span>}
      {item.keys !== undefined && <Keys of={item.keys} />}
      {isChosen && <CornerDownLeft size={13} aria-hidden className="shrink-0 text-ink-3" />}
    </div>
  )
}
