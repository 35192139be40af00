// The audit trail: who did what, append-only and chained.

import { useInfiniteQuery } from '@tanstack/react-query'
import { SearchX, ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import type { Audit } from '../api/types'
import { useIdName } from '../event/names'
import { ActivityTabs } from '../event/page'
import { Button } from '../kit/button'
import { Code, Copy } from '../kit/code'
import { Sheet } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { exact } from '../kit/format'
import { State, toneOf, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { useWorkspace } from '../session/me'
import { Content, Header } from '../shell/header'
import { Chain } from './chain'
import { ALL, type Filter, query } from './filter'
import { Filters } from './filters'
import { FactList } from '../workload/peek'

const columns = (nameOf: (id: string) => string | undefined): Column<Audit>[] => [
  { id: 'at', label: 'When', width: '110px', cell: (entry) => <Ago at={entry.at} className="whitespace-nowrap text-ink-2" /> },
  { id: 'actor', label: 'Who', cell: (entry) => <span className="block max-w-[30vw] truncate sm:max-w-52">{entry.actor_label}</span> },
  { id: 'action', label: 'Did', cell: (entry) => <code className="font-mono text-12 whitespace-nowrap">{entry.action}</code> },
  { id: 'target', label: 'To', from: 'md', isFluid: true, cell: (entry) => <Target id={entry.target_id} name={nameOf(entry.target_id)} /> },
  { id: 'from', label: 'From', from: 'lg', width: '150px', cell: (entry) => <span className="text-ink-2">{entry.address ?? '–'}</span> },
  { id: 'outcome', label: 'Outcome', from: 'sm', width: '110px', cell: (entry) => <State tone={toneOf(entry.outcome)} word={wordOf(entry.outcome)} /> },
]

/** A name where the thing still is, its id otherwise. */
function Target({ id, name }: { id: string; name: string | undefined }) {
  if (name === undefined) return <code className="block truncate font-mono text-12 text-ink-2">{id}</code>
  return (
    <span title={id} className="block truncate">
      {name}
    </span>
  )
}

export function Page() {
  const { workspace } = useWorkspace()
  const nameOf = useIdName()
  const [open, setOpen] = useState<Audit>()
  const [filter, setFilter] = useState<Filter>(ALL)
  const asked = query(filter)
  const list = useInfiniteQuery({
    queryKey: ['audit', workspace, asked],
    queryFn: ({ pageParam, signal }) =>
      ok(api.GET('/api/v1/workspaces/{workspace}/audit-logs', { params: { path: { workspace }, query: { limit: 100, ...asked, ...(pageParam === '' ? {} : { cursor: pageParam }) } }, signal })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled: workspace !== '',
  })
  const rows = list.data?.pages.flatMap((page) => page.items)
  return (
    <>
      <Header title="Audit trail" above={{ label: 'Activity', link: { to: '/activity' } }} actions={<Chain workspace={workspace} filter={filter} />} />
      <ActivityTabs />
      <Filters filter={filter} onFilter={setFilter} />
      <Content full>
        {list.error !== null && rows === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the audit trail" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Audit trail"
            columns={columns(nameOf)}
            rows={rows}
            rowId={(entry) => entry.id}
            rowLabel={(entry) => entry.action}
            onOpen={setOpen}
            empty={
              filter !== ALL ? (
                <Empty icon={SearchX} title="No entry matches" action={<Button onClick={() => setFilter(ALL)}>Clear the filters</Button>}>
                  Nothing like it was recorded in that time.
                </Empty>
              ) : (
              <Empty icon={ShieldCheck} title="Nothing recorded yet">
                Every change and every refused attempt is recorded here, with who, what, from where, and a hash over the entry before.
              </Empty>
              )
            }
          />
        )}
        {list.hasNextPage && (
          <div className="p-4 sm:px-6">
            <Button onClick={() => void list.fetchNextPage()} isPending={list.isFetchingNextPage}>
              Show older entries
            </Button>
          </div>
        )}
      </Content>
      {open !== undefined && <Entry entry={open} onClose={() => setOpen(undefined)} />}
    </>
  )
}

function Entry({ entry, onClose }: { entry: Audit; onClose: () => void }) {
  const id = (text: string | null | undefined) =>
    text == null ? (
      '–'
    ) : (
      <span className="flex min-w-0 items-center gap-1">
        <code className="truncate font-mono text-12">{text}</code>
        <Copy text={text} />
      </span>
    )
  return (
    <Sheet isOpen onClose={onClose} title={entry.action} about={`Entry ${entry.seq} of its chain`}>
      <div className="flex flex-col gap-4">
        <FactList
          facts={[
            ['When', exact(Date.parse(entry.at))],
            ['Outcome', <State key="o" tone={toneOf(entry.outcome)} word={wordOf(entry.outcome)} />],
            ['Who', `${entry.actor_label} (${entry.actor_kind})`],
            ['Actor', id(entry.actor_id)],
            ['Target', id(entry.target_id)],
            ['Address', entry.address ?? '–'],
            ['Program', entry.user_agent ?? '–'],
            ['Request', id(entry.request_id)],
            ['Hash', id(entry.hash)],
          ]}
        />
        {entry.details != null && <Code label="details" text={JSON.stringify(entry.details, null, 2)} />}
      </div>
    </Sheet>
  )
}
