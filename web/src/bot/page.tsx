// Bots: programs that make matches by a key of their own.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Bot as BotIcon, Plus, RotateCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Bot, BotCreate, BotCreated } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Code } from '../kit/code'
import { Confirm, Dialog } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Checkbox, Field, Input } from '../kit/field'
import { count } from '../kit/format'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { titlesQuery } from '../match/api'
import { useCan, useWorkspace } from '../session/me'
import { Content, Header } from '../shell/header'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const list = useQuery({
    queryKey: ['bots', workspace],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/workspaces/{workspace}/bots', { params: { path: { workspace } }, signal })),
    enabled: workspace !== '',
  })
  const [isMaking, setMaking] = useState(false)
  const [asked, setAsked] = useState<{ bot: Bot; verb: 'rotate' | 'delete' }>()
  const make = can('bot:write') && (
    <Button look="main" icon={Plus} onClick={() => setMaking(true)}>
      New bot
    </Button>
  )
  return (
    <>
      <Header title="Bots" above={{ label: 'Matches', link: { to: '/matches' } }} actions={make} />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the bots" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Bots"
            columns={columns(can('bot:write') ? (bot, verb) => setAsked({ bot, verb }) : undefined)}
            rows={list.data?.items}
            rowId={(bot) => bot.id}
            rowLabel={(bot) => bot.name}
            expected={2}
            empty={
              <Empty icon={BotIcon} title="No bots yet" action={make}>
                A bot makes and manages private matches by a key of its own. It sees the matches that it has made, and no others.
              </Empty>
            }
          />
        )}
      </Content>
      {isMaking && <Make workspace={workspace} onClose={() => setMaking(false)} />}
      {asked?.verb === 'delete' && <Delete of={asked.bot} onClose={() => setAsked(undefined)} />}
      {asked?.verb === 'rotate' && <Rotate of={asked.bot} onClose={() => setAsked(undefined)} />}
    </>
  )
}

function columns(onAsk: ((bot: Bot, verb: 'rotate' | 'delete') => void) | undefined): Column<Bot>[] {
  return [
    { id: 'name', label: 'Name', sort: (bot) => bot.name, cell: (bot) => <span className="block max-w-[40vw] truncate font-medium sm:max-w-64">{bot.name}</span> },
    { id: 'prefix', label: 'Key begins with', from: 'sm', cell: (bot) => <code className="font-mono text-12 text-ink-2">{bot.prefix}…</code> },
    { id: 'titles', label: 'Titles', from: 'md', isFluid: true, cell: (bot) => <span className="block truncate text-ink-2">{bot.titles.length === 0 ? 'all' : bot.titles.join(', ')}</span> },
    { id: 'rate', label: 'A minute', from: 'sm', isRight: true, cell: (bot) => (bot.per_minute === 0 ? <span className="text-ink-3">no limit</span> : count(bot.per_minute)) },
    { id: 'used', label: 'Last used', cell: (bot) => (bot.last_used_at === null ? <span className="text-ink-3">never</span> : <Ago at={bot.last_used_at} className="text-ink-2" />) },
    {
      id: 'actions',
      label: '',
      width: '84px',
      isRight: true,
      cell: (bot) =>
        onAsk !== undefined && (
          <span className="flex justify-end">
            <IconButton icon={RotateCw} label={`New key for ${bot.name}`} onClick={() => onAsk(bot, 'rotate')} />
            <IconButton icon={Trash2} label={`Delete ${bot.name}`} onClick={() => onAsk(bot, 'delete')} />
          </span>
        ),
    },
  ]
}

function Make({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const client = useQueryClient()
  const known = useQuery(titlesQuery)
  const [name, setName] = useState('')
  const [rate, setRate] = useState('600')
  const [titles, setTitles] = useState<Set<string>>(new Set())
  const make = useMutation({
    mutationFn: (body: BotCreate) => ok(api.POST('/api/v1/workspaces/{workspace}/bots', { params: { path: { workspace } }, body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['bots'] }),
  })
  if (make.data !== undefined) return <Made made={make.data} onClose={onClose} />
  const fields = make.error === null ? {} : asError(make.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New bot"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="bot" disabled={name.trim() === '' || !/^\d+$/.test(rate)} isPending={make.isPending}>
            Create bot
          </Button>
        </>
      }
    >
      <form
        id="bot"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          make.mutate({ name: name.trim(), titles: [...titles], per_minute: Number(rate) })
        }}
      >
        <Field label="Name" help={`The audit trail shows it as bot:${name.trim() === '' ? 'name' : name.trim()}.`} error={fields.name}>
          {(wiring) => <Input {...wiring} autoFocus maxLength={80} placeholder="ladder" value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1.5 text-13 font-medium">Titles</legend>
          {(known.data?.items ?? []).map((title) => (
            <label key={title.id} className="flex items-center gap-2 text-13">
              <Checkbox
                label={title.name}
                isChecked={titles.has(title.id)}
                onChange={(isOn) => {
                  const next = new Set(titles)
                  if (isOn) next.add(title.id)
                  else next.delete(title.id)
                  setTitles(next)
                }}
              />
              {title.name}
            </label>
          ))}
          <p className="text-12 text-ink-3">None ticked means all.</p>
        </fieldset>
        <Field label="Requests a minute" help="0 for no limit of its own." error={fields.per_minute}>
          {(wiring) => <Input {...wiring} inputMode="numeric" value={rate} onChange={(change) => setRate(change.target.value)} />}
        </Field>
        {make.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={make.error} doing="create the bot" />}
      </form>
    </Dialog>
  )
}

function Made({ made, onClose }: { made: BotCreated; onClose: () => void }) {
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title={`${made.bot.name} is ready`}
      about="Copy its key now. It is stored as a hash and cannot be shown again."
      footer={
        <Button look="main" onClick={onClose}>
          I have copied it
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        <Code label="Bot key" text={made.secret} />
        <div className="flex flex-col gap-1.5">
          <h3 className="text-13 font-medium">Make a match</h3>
          <Code label="command" text={`curl -X POST -H 'x-admin-bot-key: ${made.secret}' \\\n  '${window.location.origin}/api/adminbot/create_game?title=tic-tac-toe'`} />
        </div>
      </div>
    </Dialog>
  )
}

function Rotate({ of, onClose }: { of: Bot; onClose: () => void }) {
  const client = useQueryClient()
  const rotate = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/bots/{bot}/rotate', { params: { path: { bot: of.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['bots'] }),
  })
  if (rotate.data !== undefined) return <Made made={rotate.data} onClose={onClose} />
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`New key for ${of.name}?`}
      losses={['The present key ends at once: whatever uses it stops working until it has the new one.']}
      verb="Make new key"
      isPending={rotate.isPending}
      error={rotate.error}
      onConfirm={() => rotate.mutate()}
    />
  )
}

function Delete({ of, onClose }: { of: Bot; onClose: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/bots/{bot}', { params: { path: { bot: of.id } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['bots'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Delete ${of.name}?`}
      losses={['Its key ends at once.', 'The matches that it has made go on, and stay in the archive.']}
      verb="Delete bot"
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    />
  )
}
