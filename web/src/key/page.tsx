// API keys: one's own, and those that are confined to the workspace; never stronger than their owners, shown once.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { all, api, ok } from '../api/client'
import type { Key } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { type Column, Table } from '../kit/table'
import { Segments } from '../kit/tabs'
import { Ago } from '../kit/time'
import { inWords } from '../role/words'
import { useCan, useMe, useWorkspace } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Content, Header } from '../shell/header'
import { Details } from './details'
import { Make } from './make'
import { limitsOf, reachOf } from './rights'

type Whose = 'mine' | 'workspace'

export function Page() {
  const { workspace, name } = useWorkspace()
  const can = useCan()
  const [whose, setWhose] = useState<Whose>('mine')
  const list = useQuery({
    queryKey: ['keys', whose === 'mine' ? whose : workspace],
    queryFn: ({ signal }) =>
      all((query) =>
        whose === 'mine'
          ? ok(api.GET('/api/v1/keys', { params: { query }, signal }))
          : ok(api.GET('/api/v1/workspaces/{workspace}/keys', { params: { path: { workspace }, query }, signal })),
      ),
  })
  const ownerOf = useOwners(whose === 'workspace')
  const [isMaking, setMaking] = useState(false)
  const [open, setOpen] = useState<Key>()
  const [revoked, setRevoked] = useState<Key>()
  const mayRevoke = whose === 'mine' || can('key:write')
  const columns = useColumns(whose, ownerOf, mayRevoke ? setRevoked : undefined)
  const make = (
    <Button look="main" icon={Plus} onClick={() => setMaking(true)}>
      New API key
    </Button>
  )
  return (
    <>
      <Header title="API keys" above={{ label: 'Settings', link: { to: '/settings' } }} actions={make} />
      <SettingsTabs />
      {can('key:read') && workspace !== '' && (
        <div className="flex items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
          <Segments
            label="Whose keys"
            value={whose}
            onValue={(next) => setWhose(next as Whose)}
            options={[
              { value: 'mine', label: 'Yours' },
              { value: 'workspace', label: `All of ${name}` },
            ]}
          />
        </div>
      )}
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the API keys" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            key={whose}
            isMain
            label="API keys"
            columns={columns}
            rows={list.data?.items}
            rowId={(key) => key.id}
            rowLabel={(key) => key.label}
            onOpen={setOpen}
            expected={3}
            empty={
              whose === 'mine' ? (
                <Empty icon={KeyRound} title="No API keys yet" action={make}>
                  A key lets a script or the command line act for you, with some of your rights and never more. Try it with{' '}
                  <code className="font-mono text-12">ostler login</code>
                </Empty>
              ) : (
                <Empty icon={KeyRound} title={`No key is bound to ${name}`}>
                  Keys that their owners made for this workspace alone are listed here, whoever they belong to.
                </Empty>
              )
            }
          />
        )}
      </Content>
      {isMaking && <Make onClose={() => setMaking(false)} />}
      {open !== undefined && revoked === undefined && <Details of={open} owner={ownerOf(open)} onClose={() => setOpen(undefined)} onRevoke={mayRevoke ? () => setRevoked(open) : undefined} />}
      {revoked !== undefined && (
        <Revoke
          of={revoked}
          onClose={() => {
            setRevoked(undefined)
            setOpen(undefined)
          }}
        />
      )}
    </>
  )
}

/** Who a key acts as, by name where one may know it. */
function useOwners(isWanted: boolean): (key: Key) => string {
  const { workspace } = useWorkspace()
  const can = useCan()
  const members = useQuery({
    queryKey: ['members', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/members', { params: { path: { workspace }, query }, signal }))),
    enabled: isWanted && workspace !== '' && can('member:read'),
  })
  return (key) => members.data?.items.find((member) => member.user === key.owner)?.name ?? 'somebody else'
}

function useColumns(whose: Whose, ownerOf: (key: Key) => string, onRevoke: ((key: Key) => void) | undefined): Column<Key>[] {
  const { user, memberships } = useMe()
  const nameOf = (id: string) => memberships.find((m) => m.workspace === id)?.name ?? 'one workspace'
  const owner: Column<Key>[] = whose === 'mine' ? [] : [{ id: 'owner', label: 'Acts as', from: 'sm', cell: (key) => <span className="block max-w-40 truncate text-ink-2">{key.owner === user.id ? 'you' : ownerOf(key)}</span> }]
  return [
    { id: 'label', label: 'Name', sort: (key) => key.label, cell: (key) => <span className="block max-w-[40vw] truncate font-medium sm:max-w-56">{key.label}</span> },
    ...owner,
    { id: 'prefix', label: 'Begins with', from: 'lg', cell: (key) => <code className="font-mono text-12 text-ink-2">{key.prefix}…</code> },
    { id: 'can', label: 'May', from: 'md', isFluid: true, cell: (key) => <span title={key.capabilities.join(', ')} className="block truncate text-ink-2">{inWords(key.capabilities)}</span> },
    { id: 'scope', label: 'Reaches', from: 'lg', cell: (key) => <span title={limitsOf(key)} className="block max-w-56 truncate text-ink-2">{[reachOf(key, nameOf), limitsOf(key)].filter((part) => part !== '').join(', ')}</span> },
    { id: 'used', label: 'Last used', cell: (key) => (key.last_used_at === null ? <span className="text-ink-3">never</span> : <span className="text-ink-2"><Ago at={key.last_used_at} /><span className="hidden xl:inline">{key.last_used_from == null ? '' : ` from ${key.last_used_from}`}</span></span>) },
    { id: 'expires', label: 'Expires', from: 'sm', cell: (key) => (key.expires_at === null ? <span className="text-ink-3">never</span> : <Ago at={key.expires_at} className="text-ink-2" />) },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (key) => onRevoke !== undefined && <IconButton icon={Trash2} label={`Revoke ${key.label}`} onClick={() => onRevoke(key)} /> },
  ]
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

