// API keys: never stronger than their owner, shown once.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Capability, Key, KeyCreate, KeyCreated } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Code } from '../kit/code'
import { Confirm, Dialog } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Checkbox, Field, Input } from '../kit/field'
import { Select } from '../kit/select'
import { wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { useWorkspace } from '../session/me'
import { allows } from '../session/rights'
import { SettingsTabs } from '../settings/tabs'
import { Content, Header } from '../shell/header'
import { preset, summary } from './rights'

export const keysQuery = {
  queryKey: ['keys'],
  queryFn: ({ signal }: { signal: AbortSignal }) => ok(api.GET('/api/v1/keys', { signal })),
}

export function Page() {
  const list = useQuery(keysQuery)
  const [isMaking, setMaking] = useState(false)
  const [revoked, setRevoked] = useState<Key>()
  const make = (
    <Button look="main" icon={Plus} onClick={() => setMaking(true)}>
      New API key
    </Button>
  )
  return (
    <>
      <Header title="API keys" above={{ label: 'Settings', link: { to: '/settings' } }} actions={make} />
      <SettingsTabs />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the API keys" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="API keys"
            columns={columns(setRevoked)}
            rows={list.data?.items}
            rowId={(key) => key.id}
            rowLabel={(key) => key.label}
            expected={3}
            empty={
              <Empty icon={KeyRound} title="No API keys yet" action={make}>
                A key lets a script or the command line act for you, with some of your rights and never more. Try it with{' '}
                <code className="font-mono text-12">ostler login</code>
              </Empty>
            }
          />
        )}
      </Content>
      {isMaking && <Make onClose={() => setMaking(false)} />}
      {revoked !== undefined && <Revoke of={revoked} onClose={() => setRevoked(undefined)} />}
    </>
  )
}

function columns(onRevoke: (key: Key) => void): Column<Key>[] {
  return [
    { id: 'label', label: 'Name', sort: (key) => key.label, cell: (key) => <span className="block max-w-[40vw] truncate font-medium sm:max-w-64">{key.label}</span> },
    { id: 'prefix', label: 'Begins with', from: 'sm', cell: (key) => <code className="font-mono text-12 text-ink-2">{key.prefix}…</code> },
    { id: 'can', label: 'May', from: 'md', isFluid: true, cell: (key) => <span title={key.capabilities.join(', ')} className="block truncate text-ink-2">{summary(key.capabilities)}</span> },
    { id: 'scope', label: 'Reaches', from: 'lg', cell: (key) => <span className="text-ink-2">{scopeWord(key)}</span> },
    { id: 'used', label: 'Last used', cell: (key) => (key.last_used_at === null ? <span className="text-ink-3">never</span> : <span className="text-ink-2"><Ago at={key.last_used_at} /><span className="hidden xl:inline">{key.last_used_from == null ? '' : ` from ${key.last_used_from}`}</span></span>) },
    { id: 'expires', label: 'Expires', from: 'sm', cell: (key) => (key.expires_at === null ? <span className="text-ink-3">never</span> : <Ago at={key.expires_at} className="text-ink-2" />) },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (key) => <IconButton icon={Trash2} label={`Revoke ${key.label}`} onClick={() => onRevoke(key)} /> },
  ]
}

function scopeWord({ scope }: Key): string {
  if (scope === 'all') return 'all that you reach'
  if ('workspace' in scope) return 'one workspace'
  return `${scope.only.length} things`
}

const PRESETS = [
  { value: 'read', label: 'Read only', help: 'Sees what you see, changes nothing.' },
  { value: 'operate', label: 'Operate servers', help: 'Also starts, stops and types into consoles.' },
  { value: 'all', label: 'Everything you may', help: 'All your rights in this workspace.' },
  { value: 'own', label: 'Chosen one by one' },
]

const LIVES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'One year' },
  { value: 'never', label: 'Never' },
]

const DAY_MS = 86_400_000

function Make({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const { workspace, capabilities: held, name: workspaceName } = useWorkspace()
  const [label, setLabel] = useState('')
  const [choice, setChoice] = useState('read')
  const [own, setOwn] = useState<Set<Capability>>(new Set())
  const [life, setLife] = useState('90')
  const [reach, setReach] = useState('workspace')
  const [networks, setNetworks] = useState('')
  const [rate, setRate] = useState('')
  const make = useMutation({
    mutationFn: (body: KeyCreate) => ok(api.POST('/api/v1/keys', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  })
  if (make.data !== undefined) return <Made made={make.data} onClose={onClose} />
  const capabilities = choice === 'own' ? [...own] : preset(choice, held)
  const fields = make.error === null ? {} : asError(make.error).fields
  const submit = () =>
    make.mutate({
      label: label.trim(),
      capabilities,
      scope: reach === 'all' ? 'all' : { workspace },
      networks: networks.split(/[\s,]+/).filter((network) => network !== ''),
      ...(rate === '' ? {} : { requests_per_minute: Number(rate) }),
      ...(life === 'never' ? {} : { expires_at: new Date(Date.now() + Number(life) * DAY_MS).toISOString() }),
    })
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title="New API key"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="key" disabled={label.trim() === '' || capabilities.length === 0} isPending={make.isPending}>
            Create key
          </Button>
        </>
      }
    >
      <form
        id="key"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <Field label="Name" help="What it is for." error={fields.label}>
          {(wiring) => <Input {...wiring} autoFocus maxLength={80} placeholder="Backup script" value={label} onChange={(change) => setLabel(change.target.value)} />}
        </Field>
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Reaches">
            {(wiring) => <Select {...wiring} value={reach} onValue={setReach} options={[{ value: 'workspace', label: `Only ${workspaceName}` }, { value: 'all', label: 'All that I reach' }]} />}
          </Field>
          <Field label="Expires" error={fields.expires_at}>
            {(wiring) => <Select {...wiring} value={life} onValue={setLife} options={LIVES} />}
          </Field>
        </div>
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Only from" help="Networks, such as 192.0.2.0/24. Empty: from everywhere." error={fields.networks ?? fields['networks[0]']}>
            {(wiring) => <Input {...wiring} spellCheck={false} placeholder="everywhere" value={networks} onChange={(change) => setNetworks(change.target.value)} />}
          </Field>
          <Field label="Requests a minute" help="Empty: as many as you." error={fields.requests_per_minute}>
            {(wiring) => <Input {...wiring} type="number" min={1} max={1_000_000} placeholder="as many as you" value={rate} onChange={(change) => setRate(change.target.value)} />}
          </Field>
        </div>
        <Field label="May" error={fields.capabilities}>
          {(wiring) => <Select {...wiring} value={choice} onValue={setChoice} options={PRESETS} />}
        </Field>
        {choice === 'own' ? <Grid held={held} own={own} onOwn={setOwn} /> : <p className="-mt-3 text-12 break-words text-ink-3">{capabilities.join(', ') || 'nothing'}</p>}
        {make.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={make.error} doing="create the key" />}
      </form>
    </Dialog>
  )
}

const VERBS = ['read', 'operate', 'write']

/** Every right as a box to tick; those that one does not hold are not offered. */
function Grid({ held, own, onOwn }: { held: readonly Capability[]; own: Set<Capability>; onOwn: (own: Set<Capability>) => void }) {
  const kinds = [...new Set(held.map((c) => c.split(':')[0] ?? ''))]
  return (
    <table className="text-13" aria-label="Capabilities">
      <thead>
        <tr className="text-left text-12 text-ink-2">
          <th scope="col" className="font-medium">
            On
          </th>
          {VERBS.map((verb) => (
            <th key={verb} scope="col" className="h-8 w-20 font-medium">
              {wordOf(verb)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {kinds.map((kind) => (
          <tr key={kind}>
            <th scope="row" className="h-8 border-t border-line pr-4 text-left font-normal">
              {kind}
            </th>
            {VERBS.map((verb) => {
              const capability = `${kind}:${verb}` as Capability
              const isHeld = allows(held, capability)
              return (
                <td key={verb} className="border-t border-line">
                  <Checkbox
                    label={capability}
                    disabled={!isHeld}
                    isChecked={own.has(capability)}
                    onChange={(isOn) => {
                      const next = new Set(own)
                      if (isOn) next.add(capability)
                      else next.delete(capability)
                      onOwn(next)
                    }}
                  />
                </td>
              )
            })}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Made({ made, onClose }: { made: KeyCreated; onClose: () => void }) {
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title={`${made.key.label} is ready`}
      about="Copy it now. It is stored as a hash and cannot be shown again."
      footer={
        <Button look="main" onClick={onClose}>
          I have copied it
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        <Code label="API key" text={made.secret} />
        <div className="flex flex-col gap-1.5">
          <h3 className="text-13 font-medium">Use it</h3>
          <Code label="command" text={`curl -H 'Authorization: Bearer ${made.secret}' \\\n  ${window.location.origin}/api/v1/users/me`} />
        </div>
      </div>
    </Dialog>
  )
}

function Revoke({ of, onClose }: { of: Key; onClose: () => void }) {
  const client = useQueryClient()
  const revoke = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/keys/{key}', { params: { path: { key: of.id } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['keys'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Revoke ${of.label}?`}
      losses={['Everything that uses this key is refused from now on.', of.last_used_at === null ? 'It has never been used.' : <span key="u">It was last used <Ago at={of.last_used_at} />{of.last_used_from == null ? '' : ` from ${of.last_used_from}`}.</span>]}
      verb="Revoke key"
      isPending={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
    />
  )
}

