// The workspace: its name, who is in it and with which role, who is invited, and whether a second factor is demanded.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Mail, Plus, Trash2, UserMinus } from 'lucide-react'
import { useState } from 'react'
import { all, api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Invite, Invited, Member, RoleRef } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm, Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { notify, notifyError } from '../kit/notice'
import { Select } from '../kit/select'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { roleName, useRoleOptions, useRoles } from '../role/query'
import { useCan, useMe, useWorkspace } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Card, Content, Header, Section } from '../shell/header'
import { HandOver, invitedAbout } from '../user/invited'
import { Ending } from './ending'
import { General } from './general'
import { Requirement } from './requirement'

export function Page() {
  const { workspace, name } = useWorkspace()
  const can = useCan()
  const [invited, setInvited] = useState<Invited>()
  const [isAdding, setAdding] = useState(false)
  const add = can('member:write') && (
    <Button look="main" icon={Plus} onClick={() => setAdding(true)}>
      Add member
    </Button>
  )
  return (
    <>
      <Header title="Workspace" above={{ label: 'Settings', link: { to: '/settings' } }} actions={add} />
      <SettingsTabs />
      <Content>
        <div className="mx-auto flex max-w-3xl flex-col gap-8">
          <General />
          {can('member:read') && <Members />}
          {can('member:read') && <Invites />}
          <Requirement of={workspace} who={`everybody in ${name}`} isAllowed={can('workspace:write')} />
          <Ending key={workspace} />
        </div>
      </Content>
      {isAdding && (
        <Add
          onClose={() => setAdding(false)}
          onDone={(made) => {
            setAdding(false)
            setInvited(made)
          }}
        />
      )}
      {invited !== undefined && <HandOver title={`${invited.user.name} is invited`} about={invitedAbout(invited.is_mailed, invited.link)} link={invited.link} onClose={() => setInvited(undefined)} />}
    </>
  )
}

function Members() {
  const client = useQueryClient()
  const { workspace, name } = useWorkspace()
  const me = useMe()
  const can = useCan()
  const [removed, setRemoved] = useState<Member>()
  const path = (member: Member) => ({ params: { path: { workspace, user: member.user } } })
  const list = useQuery({
    queryKey: ['members', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/members', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '',
  })
  const fresh = () => client.invalidateQueries({ queryKey: ['members', workspace] })
  const change = useMutation({
    mutationFn: ({ member, role }: { member: Member; role: RoleRef }) => ok(api.PATCH('/api/v1/workspaces/{workspace}/members/{user}', { ...path(member), body: { role } })),
    onSuccess: fresh,
  })
  const remove = useMutation({
    mutationFn: (member: Member) => ok(api.DELETE('/api/v1/workspaces/{workspace}/members/{user}', path(member))),
    onSuccess: async () => {
      await fresh()
      setRemoved(undefined)
    },
  })
  const roles = useRoles().data?.items
  const options = useRoleOptions()
  const set = (member: Member, role: RoleRef) =>
    change.mutate(
      { member, role },
      {
        onSuccess: () => notify(`${member.name} has the role ${roleName(roles, role)} now.`, { verb: 'Undo', run: () => change.mutate({ member, role: member.role }) }),
        onError: (error) => notifyError(`give ${member.name} the role ${roleName(roles, role)}`, error),
      },
    )
  const columns: Column<Member>[] = [
    { id: 'name', label: 'Name', isFluid: true, sort: (member) => member.name, cell: (member) => (
        <span className="flex items-baseline gap-1.5">
          <span className="truncate font-medium">{member.name}</span>
          {member.user === me.user.id && <span className="text-ink-3">you</span>}
        </span>
      ),
    },
    { id: 'email', label: 'E-mail', from: 'sm', sort: (member) => member.email, cell: (member) => <span className="block max-w-60 truncate text-ink-2">{member.email}</span> },
    {
      id: 'role',
      label: 'Role',
      width: '130px',
      sort: (member) => roleName(roles, member.role),
      cell: (member) => <Select small className="w-28" label={`Role of ${member.name}`} disabled={!can('member:write')} value={member.role} onValue={(role) => set(member, role)} options={options} />,
    },
    { id: 'since', label: 'Since', from: 'md', width: '110px', isRight: true, cell: (member) => <Ago at={member.created_at} className="text-ink-3" /> },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (member) => can('member:write') && member.user !== me.user.id && <IconButton icon={UserMinus} label={`Remove ${member.name}`} onClick={() => setRemoved(member)} /> },
  ]
  return (
    <Section title="Members">
      {list.error !== null && list.data === undefined ? (
        <ErrorBox error={list.error} doing="read the members" onRetry={() => void list.refetch()} />
      ) : (
        <Card className="overflow-x-auto">
          <Table label="Members" columns={columns} rows={list.data?.items} rowId={(member) => member.user} rowLabel={(member) => member.name} expected={2} empty={<p className="px-4 py-3 text-13 text-ink-2">Nobody is a member. Platform admins reach it all the same.</p>} />
        </Card>
      )}
      {removed !== undefined && (
        <Confirm
          isOpen
          onClose={() => {
            setRemoved(undefined)
            remove.reset()
          }}
          title={`Remove ${removed.name} from ${name}?`}
          losses={['They see nothing of it any more, at once and in every open page.', 'Their API keys reach nothing in it any more.']}
          verb="Remove member"
          isPending={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removed)}
        />
      )}
    </Section>
  )
}

function Invites() {
  const client = useQueryClient()
  const { workspace } = useWorkspace()
  const can = useCan()
  const list = useQuery({
    queryKey: ['invites', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/invites', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '',
  })
  const revoke = useMutation({
    mutationFn: (invite: Invite) => ok(api.DELETE('/api/v1/invites/{invite}', { params: { path: { invite: invite.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['invites', workspace] }),
    onError: (error) => notifyError('withdraw the invitation', error),
  })
  const roles = useRoles().data?.items
  const open = list.data?.items ?? []
  if (list.error !== null && list.data === undefined) return <ErrorBox error={list.error} doing="read the invitations" onRetry={() => void list.refetch()} />
  if (open.length === 0) return null
  return (
    <Section title="Invited">
      <Card className="divide-y divide-line">
        {open.map((invite) => (
          <div key={invite.id} className="flex min-h-11 items-center gap-3 px-4 py-2 text-13">
            <Mail size={15} aria-hidden className="shrink-0 text-ink-2" />
            <span className="min-w-0 flex-1 truncate font-medium">{invite.email}</span>
            <span className="text-ink-2">{invite.role == null ? '' : roleName(roles, invite.role)}</span>
            <span className="hidden text-12 text-ink-3 sm:inline">
              {invite.state === 'open' ? <>ends <Ago at={invite.expires_at} /></> : invite.state}
            </span>
            {can('member:write') && <IconButton icon={Trash2} label={`Withdraw the invitation of ${invite.email}`} isPending={revoke.isPending && revoke.variables.id === invite.id} onClick={() => revoke.mutate(invite)} />}
          </div>
        ))}
      </Card>
    </Section>
  )
}

function Add({ onClose, onDone }: { onClose: () => void; onDone: (made: Invited | undefined) => void }) {
  const client = useQueryClient()
  const { workspace, name } = useWorkspace()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<RoleRef>('member')
  const options = useRoleOptions()
  const add = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/workspaces/{workspace}/invites', { params: { path: { workspace } }, body: { email, name: null, role } })),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ['invites', workspace] })
      void client.invalidateQueries({ queryKey: ['members', workspace] })
      // Who has an account is a member at once: there is nothing to hand over.
      if (made.user.state !== 'active') return onDone(made)
      notify(`${made.user.name} is a member now.`)
      onDone(undefined)
    },
  })
  const fields = add.error === null ? {} : asError(add.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Add somebody to ${name}`}
      about="Who has an account is a member at once. Others get an invitation."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="add" disabled={email === ''} isPending={add.isPending}>
            Add member
          </Button>
        </>
      }
    >
      <form
        id="add"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          add.mutate()
        }}
      >
        <Field label="E-mail" error={fields.email}>
          {(wiring) => <Input {...wiring} type="email" required autoFocus autoComplete="off" value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        <Field label="Role" error={fields.role}>
          {(wiring) => <Select {...wiring} value={role} onValue={setRole} options={options} />}
        </Field>
        {add.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={add.error} doing="add them" />}
      </form>
    </Dialog>
  )
}
