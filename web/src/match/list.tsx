// Lobbies and running matches live, and the archive.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Archive, Bot, Plus, Swords } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Match, MatchCreate } from '../api/types'
import { Button, ButtonLink } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Field } from '../kit/field'
import { count, span } from '../kit/format'
import type { Values } from '../kit/schema'
import { SchemaForm } from '../kit/schema-form'
import { Select } from '../kit/select'
import { Skeleton } from '../kit/skeleton'
import { State } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Segments } from '../kit/tabs'
import { Ago } from '../kit/time'
import { useCan, useWorkspace } from '../session/me'
import { Content, Header } from '../shell/header'
import { matchesQuery, titlesQuery } from './api'
import { changes, formOf, problemsOf } from './config'
import { phaseTone, phaseWord } from './phase'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const navigate = useNavigate()
  const { state = 'live' } = useSearch({ from: '/app/matches' })
  const list = useQuery(matchesQuery(workspace, state))
  const titles = useQuery(titlesQuery)
  const [isMaking, setMaking] = useState(false)
  const make = can('match:write') && (
    <Button look="main" icon={Plus} onClick={() => setMaking(true)}>
      New match
    </Button>
  )
  return (
    <>
      <Header
        title="Matches"
        state={list.data !== undefined && <span className="text-ink-3">{count(list.data.items.length)}</span>}
        actions={
          <>
            {can('bot:read') && (
              <ButtonLink icon={Bot} to="/matches/bots">
                Bots
              </ButtonLink>
            )}
            {make}
          </>
        }
      />
      <div className="flex items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
        <Segments
          label="Which matches"
          value={state}
          onValue={(next) => void navigate({ to: '/matches', search: next === 'archived' ? { state: 'archived' } : {}, replace: true })}
          options={[
            { value: 'live', label: 'Live' },
            { value: 'archived', label: 'Archive' },
          ]}
        />
      </div>
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the matches" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            key={state}
            isMain
            label={state === 'live' ? 'Live matches' : 'Archived matches'}
            columns={columns(state, (id) => titles.data?.items.find((one) => one.id === id)?.name ?? id)}
            rows={list.data?.items}
            rowId={(one) => one.id}
            rowLabel={(one) => `Match ${one.id}`}
            onOpen={(one) => void navigate({ to: '/matches/$match', params: { match: one.id } })}
            expected={4}
            empty={
              state === 'live' ? (
                <Empty icon={Swords} title="No match is on" action={make}>
                  Make one here, let a bot make them, or try <code className="font-mono text-12 whitespace-nowrap">ostler match create tic-tac-toe</code>
                </Empty>
              ) : (
                <Empty icon={Archive} title="The archive is empty">
                  Finished matches are kept here, and can be replayed turn by turn.
                </Empty>
              )
            }
          />
        )}
      </Content>
      {isMaking && <Make workspace={workspace} onClose={() => setMaking(false)} />}
    </>
  )
}

function columns(state: 'live' | 'archived', nameOf: (title: string) => string): Column<Match>[] {
  const shared: Column<Match>[] = [
    { id: 'id', label: 'Match', width: '120px', cell: (one) => <code className="font-mono text-12 font-medium">{one.id}</code> },
    { id: 'title', label: 'Title', from: 'sm', sort: (one) => nameOf(one.title), cell: (one) => nameOf(one.title) },
    { id: 'state', label: 'State', isFluid: true, sort: (one) => one.phase, cell: (one) => <State tone={phaseTone(one.phase)} word={phaseWord(one.phase)} since={one.ended_at ?? one.started_at ?? one.created_at} /> },
    { id: 'players', label: 'Players', width: '76px', isRight: true, sort: (one) => one.players, cell: (one) => <span className="live">{count(one.players)}</span> },
    { id: 'by', label: 'Made by', from: 'md', cell: (one) => <span className="block max-w-56 truncate text-ink-2">{one.made_by}</span> },
  ]
  if (state === 'live') return [...shared, { id: 'worker', label: 'Worker', from: 'lg', width: '84px', cell: (one) => <code className="font-mono text-12 text-ink-2">/{one.worker_path}</code> }, { id: 'made', label: 'Made', from: 'sm', width: '110px', sort: (one) => one.created_at, cell: (one) => <Ago at={one.created_at} className="text-ink-2" /> }]
  return [
    ...shared,
    { id: 'turns', label: 'Turns', from: 'sm', width: '84px', isRight: true, sort: (one) => one.turns, cell: (one) => count(one.turns) },
    { id: 'length', label: 'Length', from: 'md', width: '100px', isRight: true, cell: (one) => <span className="text-ink-2">{one.started_at === null || one.ended_at === null ? 'not started' : span(Date.parse(one.ended_at) - Date.parse(one.started_at))}</span> },
  ]
}

function Make({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const titles = useQuery(titlesQuery)
  const navigate = useNavigate()
  const [chosen, setChosen] = useState('tic-tac-toe')
  const [values, setValues] = useState<Values>({})
  const title = titles.data?.items.find((one) => one.id === chosen)
  const form = title === undefined ? undefined : formOf(title.config_schema, title.defaults)
  const make = useMutation({
    mutationFn: (body: MatchCreate) => ok(api.POST('/api/v1/workspaces/{workspace}/matches', { params: { path: { workspace } }, body })),
    onSuccess: (made) => void navigate({ to: '/matches/$match', params: { match: made.match.id } }),
  })
  const problems = form === undefined ? undefined : problemsOf(form, { ...title?.defaults, ...values })
  const fields = make.error === null ? {} : asError(make.error).fields
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title="New match"
      about="Private: only who knows its id finds it."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="match" disabled={problems?.isFine !== true} isPending={make.isPending}>
            Create match
          </Button>
        </>
      }
    >
      <form
        id="match"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          if (form !== undefined && title !== undefined) make.mutate({ title: chosen, config: changes(form, title.defaults, { ...title.defaults, ...values }, []) })
        }}
      >
        <Field label="Title" error={fields.title}>
          {(wiring) => (
            <Select
              {...wiring}
              value={chosen}
              onValue={(next) => {
                setChosen(next)
                setValues({})
              }}
              options={(titles.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
            />
          )}
        </Field>
        {form === undefined ? (
          <Skeleton className="h-40 w-full" />
        ) : (
          <SchemaForm isWide schema={form} values={{ ...title?.defaults, ...values }} onChange={(name, value) => setValues((now) => ({ ...now, [name]: value }))} problems={problems?.of ?? {}} onTouch={() => {}} />
        )}
        {make.error !== null && <ErrorBox error={make.error} doing={fields.config === undefined ? 'create the match' : `create the match (${fields.config})`} />}
      </form>
    </Dialog>
  )
}
