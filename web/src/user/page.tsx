// Everybody who has an account on this installation; for platform admins.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Ellipsis, KeyRound, Mail, Plus, ShieldCheck, ShieldOff, Trash2, UserCheck, UserX, Users } from 'lucide-react'
import { useRef, useState } from 'react'
import { all, api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Invited, User } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm, Dialog } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Field, Input, SearchInput, Switch } from '../kit/field'
import { count } from '../kit/format'
import { Menu, MenuItem, MenuLine } from '../kit/menu'
import { notify, notifyError } from '../kit/notice'
import { useShortcut } from '../kit/shortcut'
import { State, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { useMe } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Content, Header } from '../shell/header'
import { HandOver, invitedAbout } from './invited'

const usersQuery = {
  queryKey: ['users'],
  queryFn: ({ signal }: { signal: AbortSignal }) => all((query) => ok(api.GET('/api/v1/users', { params: { query }, signal }))),
}

const TONES = { active: 'running', invited: 'changing', deactivated: 'stopped' } as const

type Over = { kind: 'invite' } | { kind: 'link'; title: string; about: string; link: string | null } | { kind: 'delete' | 'factors'; user: User }

export function Page() {
  const list = useQuery(usersQuery)
  const [search, setSearch] = useState('')
  const [over, setOver] = useState<Over>()
  const box = useRef<HTMLInputElement>(null)
  useShortcut({ keys: '/', label: 'Search in the list', group: 'Lists', run: () => box.current?.focus() })
  const close = () => setOver(undefined)
  const word = search.toLowerCase()
  const rows = list.data?.items.filter((user) => `${user.name} ${user.email}`.toLowerCase().includes(word))
  const invite = (
    <Button look="main" icon={Plus} onClick={() => setOver({ kind: 'invite' })}>
      Invite person
    </Button>
  )
  return (
    <>
      <Header title="People" above={{ label: 'Settings', link: { to: '/settings' } }} state={list.data !== undefined && <span className="text-ink-3">{count(list.data.items.length)}</span>} actions={invite} />
      <SettingsTabs />
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
        <SearchInput ref={box} label="Search people" value={search} onValue={setSearch} className="w-full sm:w-60" />
      </div>
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the people" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="People"
            columns={columns(setOver)}
            rows={rows}
            rowId={(user) => user.id}
            rowLabel={(user) => user.name}
            expected={4}
            empty={
              <Empty icon={Users} title="Nobody is called that" action={<Button onClick={() => setSearch('')}>Clear the search</Button>}>
                No name and no address has these words in it.
              </Empty>
            }
          />
        )}
      </Content>
      {over?.kind === 'invite' && <Invite onClose={close} onDone={(invited) => setOver({ kind: 'link', title: `${invited.user.name} is invited`, about: invitedAbout(invited.is_mailed, invited.link), link: invited.link })} />}
      {over?.kind === 'link' && <HandOver {...over} onClose={close} />}
      {(over?.kind === 'delete' || over?.kind === 'factors') && <Ask kind={over.kind} user={over.user} onClose={close} />}
    </>
  )
}

function columns(onOver: (over: Over) => void): Column<User>[] {
  return [
    {
      id: 'name',
      label: 'Name',
      sort: (user) => user.name,
      cell: (user) => (
        <span className="flex max-w-[44vw] min-w-0 items-center gap-2 sm:max-w-72 sm:min-w-40">
          <span className="truncate font-medium">{user.name}</span>
          {user.is_platform_admin && <span className="rounded-full border border-line px-1.5 text-12 text-ink-2">admin</span>}
        </span>
      ),
    },
    { id: 'email', label: 'E-mail', from: 'sm', isFluid: true, sort: (user) => user.email, cell: (user) => (
        <span className="flex min-w-0 items-center gap-2 text-ink-2">
          <span className="truncate">{user.email}</span>
          {user.state === 'active' && !user.is_email_verified && (
            <span className="shrink-0 rounded-full border border-line px-1.5 text-12" title="It has not proved itself by mail or by a sign-in provider, so this person cannot be added to a workspace by it.">
              unproven
            </span>
          )}
        </span>
      ) },
    { id: 'state', label: 'State', width: '130px', sort: (user) => user.state, cell: (user) => <State tone={TONES[user.state]} word={wordOf(user.state)} /> },
    { id: 'since', label: 'Since', from: 'md', width: '110px', isRight: true, sort: (user) => user.created_at, cell: (user) => <Ago at={user.created_at} className="text-ink-3" /> },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (user) => <Verbs user={user} onOver={onOver} /> },
  ]
}

/** Changes a person, and offers the way back where there is one. */
function useChange() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ user, body }: { user: User; body: { is_active?: boolean; is_platform_admin?: boolean } }) =>
      ok(api.PATCH('/api/v1/users/{user}', { params: { path: { user: user.id } }, body: { email: null, name: null, is_active: null, is_platform_admin: null, ...body } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  })
}

function Verbs({ user, onOver }: { user: User; onOver: (over: Over) => void }) {
  const me = useMe()
  const change = useChange()
  const isMe = me.user.id === user.id
  const set = (body: { is_active?: boolean; is_platform_admin?: boolean }, said: string, back: typeof body) =>
    change.mutate(
      { user, body },
      {
        onSuccess: () => notify(said, { verb: 'Undo', run: () => change.mutate({ user, body: back }) }),
        onError: (error) => notifyError(`change ${user.name}`, error),
      },
    )
  const params = { params: { path: { user: user.id } } }
  const resend = () =>
    ok(api.POST('/api/v1/users/{user}/resend-invite', params)).then(
      (again: Invited) => onOver({ kind: 'link', title: `${user.name} is invited once more`, about: `${invitedAbout(again.is_mailed, again.link)} The earlier link has ended.`, link: again.link }),
      (error: unknown) => notifyError(`invite ${user.name}`, error),
    )
  const reset = () =>
    ok(api.POST('/api/v1/users/{user}/reset-link', params)).then(
      ({ link }) => onOver({ kind: 'link', title: `A link for ${user.name}`, about: 'It sets a new password, works once, and for an hour. Whoever has it becomes this person.', link }),
      (error: unknown) => notifyError(`make a link for ${user.name}`, error),
    )
  return (
    <Menu trigger={<IconButton icon={Ellipsis} label={`Actions for ${user.name}`} />}>
      {user.state === 'invited' && <MenuItem icon={Mail} onSelect={() => void resend()}>Invite once more</MenuItem>}
      {user.state === 'active' && <MenuItem icon={KeyRound} onSelect={() => void reset()}>Make a password link</MenuItem>}
      {user.state === 'active' && <MenuItem icon={ShieldOff} onSelect={() => onOver({ kind: 'factors', user })}>Remove second factors</MenuItem>}
      {user.state === 'invited' ? null : user.is_platform_admin ? (
        <MenuItem icon={ShieldOff} isDisabled={isMe} onSelect={() => set({ is_platform_admin: false }, `${user.name} is no admin any more.`, { is_platform_admin: true })}>Make an ordinary person</MenuItem>
      ) : (
        <MenuItem icon={ShieldCheck} onSelect={() => set({ is_platform_admin: true }, `${user.name} is a platform admin now.`, { is_platform_admin: false })}>Make a platform admin</MenuItem>
      )}
      {user.state === 'deactivated' ? (
        <MenuItem icon={UserCheck} onSelect={() => set({ is_active: true }, `${user.name} may sign in again.`, { is_active: false })}>Let in again</MenuItem>
      ) : (
        <MenuItem icon={UserX} isDisabled={isMe} onSelect={() => set({ is_active: false }, `${user.name} is kept out, and signed out everywhere.`, { is_active: true })}>Keep out</MenuItem>
      )}
      <MenuLine />
      <MenuItem icon={Trash2} isDanger isDisabled={isMe} onSelect={() => onOver({ kind: 'delete', user })}>Delete person</MenuItem>
    </Menu>
  )
}

function Ask({ kind, user, onClose }: { kind: 'delete' | 'factors'; user: User; onClose: () => void }) {
  const client = useQueryClient()
  const params = { params: { path: { user: user.id } } }
  const refers = useQuery({ queryKey: ['references', user.id], queryFn: ({ signal }) => ok(api.GET('/api/v1/users/{user}/references', { ...params, signal })), enabled: kind === 'delete' })
  const act = useMutation({
    mutationFn: () => (kind === 'delete' ? ok(api.DELETE('/api/v1/users/{user}', params)) : ok(api.DELETE('/api/v1/users/{user}/mfa', params))),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['users'] })
      notify(kind === 'delete' ? `${user.name} is deleted.` : `${user.name} has no second factor any more.`)
      onClose()
    },
  })
  const held = refers.data?.items ?? []
  const losses =
    kind === 'factors'
      ? ['All apps, passkeys and recovery codes of this person end.', 'They are signed out everywhere, and sign in by their password until they add new ones.']
      : held.length > 0
        ? [`${held.length} things still refer to this person, so they cannot be deleted yet:`, ...held.slice(0, 8).map((each) => `${each.kind} ${each.name}`), 'Keep them out instead, or hand these over first.']
        : ['Their sessions and API keys end.', 'The audit trail keeps their name.']
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={kind === 'delete' ? `Delete ${user.name}?` : `Remove the second factors of ${user.name}?`}
      losses={losses}
      verb={kind === 'delete' ? 'Delete person' : 'Remove factors'}
      name={kind === 'delete' ? user.email : undefined}
      isPending={act.isPending}
      error={act.error}
      onConfirm={() => act.mutate()}
    />
  )
}

function Invite({ onClose, onDone }: { onClose: () => void; onDone: (invited: Invited) => void }) {
  const client = useQueryClient()
  const [email, setEmail] = useState('')
  const [name, setName] = useState('')
  const [is_platform_admin, setAdmin] = useState(false)
  const invite = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/users', { body: { email, name: name.trim(), is_platform_admin } })),
    onSuccess: async (invited) => {
      await client.invalidateQueries({ queryKey: ['users'] })
      onDone(invited)
    },
  })
  const fields = invite.error === null ? {} : asError(invite.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Invite a person"
      about="They choose a password by a link, and can do nothing before. To give them a role at once, invite them on the workspace's page."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="invite" isPending={invite.isPending} disabled={email === '' || name.trim() === ''}>
            Invite person
          </Button>
        </>
      }
    >
      <form
        id="invite"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          invite.mutate()
        }}
      >
        <Field label="E-mail" error={fields.email}>
          {(wiring) => <Input {...wiring} type="email" required autoFocus autoComplete="off" value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        <Field label="Name" error={fields.name} help="They can change it.">
          {(wiring) => <Input {...wiring} required maxLength={80} autoComplete="off" value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <div className="flex items-center gap-3">
          <Switch id="admin" isOn={is_platform_admin} onChange={setAdmin} />
          <label htmlFor="admin" className="text-13">
            Platform admin: may do everything, in every workspace
          </label>
        </div>
        {invite.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={invite.error} doing="invite them" />}
      </form>
    </Dialog>
  )
}
