// The list of game servers: live state, filters in the address, several at once.

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Gamepad2, Play, Plus, RotateCw, SearchX, Square, X } from 'lucide-react'
import { useRef, useState } from 'react'
import type { Workload } from '../api/types'
import { Button, ButtonLink } from '../kit/button'
import { Chips } from '../kit/chips'
import { Copy } from '../kit/code'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { SearchInput } from '../kit/field'
import { bytes, count, cpu, many } from '../kit/format'
import { useShortcut } from '../kit/shortcut'
import { State, toneOf, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { Told } from '../kit/told'
import { useCan, useWorkspace } from '../session/me'
import { Content, Header } from '../shell/header'
import { NameLink, RowMenu, useVerbs } from './actions'
import { type PowerVerb, workloadsQuery } from './api'
import { Peek } from './peek'
import { useMay } from './rights'
import { type ListSearch, matches } from './search'
import { GROUPS, canDo, groupOf, urgency } from './state'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const search = useSearch({ from: '/app/workloads' })
  const navigate = useNavigate()
  const list = useQuery(workloadsQuery(workspace))
  const verbs = useVerbs()
  const [selected, setSelected] = useState<Set<string>>(new Set())
  const [peeked, setPeeked] = useState<string>()
  const box = useRef<HTMLInputElement>(null)
  useShortcut({ keys: '/', label: 'Search in the list', group: 'Lists', run: () => box.current?.focus() })
  useShortcut(selected.size > 0 ? { keys: 'escape', label: 'Clear the selection', group: 'Lists', run: () => setSelected(new Set()) } : undefined)
  const set = (next: ListSearch) => void navigate({ to: '/workloads', search: next, replace: true })
  const all = list.data?.items
  const rows = all?.filter((workload) => matches(workload, search))
  const isFiltered = search.state !== undefined || search.q !== undefined || search.node !== undefined
  const nodeName = all?.find((w) => w.node === search.node)?.node_name
  return (
    <>
      <Header
        title="Games"
        state={all !== undefined && <span className="text-ink-3">{count(all.length)}</span>}
        actions={
          can('workload:write') && (
            <ButtonLink look="main" icon={Plus} to="/workloads/new">
              New game server
            </ButtonLink>
          )
        }
      />
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
        <SearchInput ref={box} label="Search games" value={search.q ?? ''} onValue={(q) => set({ ...search, q: q === '' ? undefined : q })} className="w-full sm:w-60" />
        <Chips
          label="State"
          value={search.state ?? []}
          onValue={(state) => set({ ...search, state: state.length === 0 ? undefined : state })}
          chips={GROUPS.map((group) => ({ ...group, count: all?.filter((w) => groupOf(w.state) === group).length }))}
        />
        {search.node !== undefined && (
          <Button small icon={X} onClick={() => set({ ...search, node: undefined })}>
            Node {nodeName ?? search.node}
          </Button>
        )}
      </div>
      <Content full>
        {list.error !== null && all === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the game servers" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Game servers"
            columns={columns(verbs)}
            rows={rows}
            rowId={(w) => w.id}
            rowLabel={(w) => w.name}
            onOpen={(w) => void navigate({ to: '/workloads/$workload', params: { workload: w.id } })}
            onPeek={(w) => setPeeked(w.id)}
            selection={{ ids: selected, onChange: setSelected }}
            empty={isFiltered ? <NoMatch onClear={() => set({})} /> : <NoServers />}
          />
        )}
        {list.data?.isCut === true && (
          <p className="px-6 py-3 text-13 text-ink-2">The panel shows the first {count(list.data.items.length)}. Use `ostler game list --search` for the rest.</p>
        )}
      </Content>
      {selected.size > 0 && all !== undefined && <Bulk chosen={all.filter((w) => selected.has(w.id))} verbs={verbs} onClear={() => setSelected(new Set())} />}
      <Peek id={peeked} onClose={() => setPeeked(undefined)} />
      {verbs.questions}
    </>
  )
}

function columns(verbs: ReturnType<typeof useVerbs>): Column<Workload>[] {
  return [
    {
      id: 'name',
      label: 'Name',
      sort: (w) => w.name,
      cell: (w) => (
        <div className="max-w-[44vw] sm:max-w-80 sm:min-w-40">
          <NameLink workload={w} />
        </div>
      ),
    },
    {
      id: 'state',
      label: 'State',
      isFluid: true,
      sort: (w) => urgency(w.state),
      cell: (w) => (
        <div className="flex min-w-0 items-center gap-2">
          <State tone={toneOf(w.state)} word={wordOf(w.state)} since={w.since} />
          {w.reason !== null && (
            <span className="hidden truncate text-ink-3 md:inline" title={w.reason}>
              <Told isInner text={w.reason} />
            </span>
          )}
        </div>
      ),
    },
    { id: 'template', label: 'Template', from: 'md', width: '110px', sort: (w) => w.template, cell: (w) => <span className="text-ink-2">{w.template}</span> },
    {
      id: 'players',
      label: 'Players',
      from: 'md',
      width: '76px',
      isRight: true,
      sort: (w) => w.players ?? -1,
      cell: (w) => <span className="live">{w.players ?? <span className="text-ink-3">–</span>}</span>,
    },
    {
      id: 'address',
      label: 'Address',
      from: 'lg',
      width: '210px',
      cell: (w) =>
        w.address === null ? (
          <span className="text-ink-3">–</span>
        ) : (
          <span className="flex items-center gap-1">
            <code className="truncate font-mono text-12">{w.address}</code>
            <Copy text={w.address} label={`Copy the address of ${w.name}`} className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100" />
          </span>
        ),
    },
    {
      id: 'node',
      label: 'Node',
      from: 'md',
      width: '130px',
      sort: (w) => w.node_name ?? '',
      cell: (w) =>
        w.node === null ? (
          <span className="text-ink-3">not placed</span>
        ) : (
          <Link to="/nodes/$node" params={{ node: w.node }} className="text-ink-2 hover:text-ink hover:underline">
            {w.node_name}
          </Link>
        ),
    },
    {
      id: 'limits',
      label: 'Memory',
      from: 'xl',
      width: '96px',
      isRight: true,
      sort: (w) => w.limits.memory_bytes,
      cell: (w) => (
        <span className="text-ink-2" title={cpu(w.limits.cpu_millis)}>
          {w.limits.memory_bytes === 0 ? 'no limit' : bytes(w.limits.memory_bytes)}
        </span>
      ),
    },
    { id: 'changed', label: 'Changed', from: 'xl', width: '100px', isRight: true, sort: (w) => w.changed_at, cell: (w) => <Ago at={w.changed_at} className="text-ink-3" /> },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (w) => <RowMenu workload={w} verbs={verbs} /> },
  ]
}

/** What can be done with several at once. Each verb says for how many it makes sense. */
function Bulk({ chosen, verbs, onClear }: { chosen: Workload[]; verbs: ReturnType<typeof useVerbs>; onClear: () => void }) {
  const may = useMay()
  const button = (verb: PowerVerb, label: string, icon: typeof Play) => {
    const able = chosen.filter((w) => canDo(verb, w))
    return (
      <Button small icon={icon} disabled={able.length === 0 || able.some((w) => !may('workload:operate', w))} onClick={() => able.forEach((w) => verbs.run(w, verb))}>
        {label} {able.length}
      </Button>
    )
  }
  return (
    <div role="toolbar" aria-label="Selected game servers" className="fade flex flex-wrap items-center gap-2 border-t border-line bg-raised px-4 py-2 sm:px-6">
      <span className="text-13">{many(chosen.length, 'server')} selected</span>
      <div className="flex flex-wrap gap-2">
        {button('start', 'Start', Play)}
        {button('restart', 'Restart', RotateCw)}
        {button('stop', 'Stop', Square)}
      </div>
      <Button small look="ghost" icon={X} onClick={onClear} className="ml-auto">
        Clear
      </Button>
    </div>
  )
}

const NoMatch = ({ onClear }: { onClear: () => void }) => (
  <Empty icon={SearchX} title="No server matches" action={<Button onClick={onClear}>Clear the filters</Button>}>
    Nothing has this state and these words in its name, template, node or address.
  </Empty>
)

function NoServers() {
  const can = useCan()
  return (
    <Empty
      icon={Gamepad2}
      title="No game servers yet"
      action={
        can('workload:write') && (
          <ButtonLink look="main" icon={Plus} to="/workloads/new">
            New game server
          </ButtonLink>
        )
      }
    >
      Choose a template, give it a name and memory, and it is placed on a node, installed and started. The same from a shell:{' '}
      <code className="font-mono text-12">ostler game create</code>
    </Empty>
  )
}
