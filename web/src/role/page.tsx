// Roles: the four that every workspace has, and those that it made for itself.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Capability, Role } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { notify } from '../kit/notice'
import { Select } from '../kit/select'
import { type Column, Table } from '../kit/table'
import { useCan, useWorkspace } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Content, Header } from '../shell/header'
import { Grid } from './grid'
import { useRoleOptions, useRoles } from './query'
import { inWords, mayGive } from './words'

export function Page() {
  const list = useRoles()
  const can = useCan()
  const [open, setOpen] = useState<Role | 'new'>()
  const [going, setGoing] = useState<Role>()
  const make = can('member:write') && (
    <Button look="main" icon={Plus} onClick={() => setOpen('new')}>
      New role
    </Button>
  )
  return (
    <>
      <Header title="Roles" above={{ label: 'Settings', link: { to: '/settings' } }} actions={make} />
      <SettingsTabs />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the roles" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table isMain label="Roles" columns={columns(can('member:write'), setGoing)} rows={list.data?.items} rowId={(role) => role.id} rowLabel={(role) => role.name} onOpen={setOpen} expected={4} empty={null} />
        )}
      </Content>
      {open !== undefined && <Edit role={open === 'new' ? undefined : open} onClose={() => setOpen(undefined)} />}
      {going !== undefined && <Delete role={going} onClose={() => setGoing(undefined)} />}
    </>
  )
}

function columns(mayWrite: boolean, onDelete: (role: Role) => void): Column<Role>[] {
  return [
    {
      id: 'name',
      label: 'Role',
      sort: (role) => role.name,
      cell: (role) => (
        <span className="flex items-baseline gap-2">
          <span className="max-w-[50vw] truncate font-medium sm:max-w-56">{role.name}</span>
          {role.is_built_in && <span className="text-12 text-ink-3">built in</span>}
        </span>
      ),
    },
    { id: 'may', label: 'May', from: 'md', isFluid: true, cell: (role) => <span title={role.capabilities.join(', ')} className="block truncate text-ink-2">{role.description === '' ? inWords(role.capabilities) : role.description}</span> },
    { id: 'members', label: 'Members', isRight: true, width: '90px', sort: (role) => role.used_by.members, cell: (role) => <span className="text-ink-2">{role.used_by.members}</span> },
    { id: 'teams', label: 'Teams', from: 'sm', isRight: true, width: '80px', sort: (role) => role.used_by.teams, cell: (role) => <span className="text-ink-2">{role.is_built_in ? '–' : role.used_by.teams}</span> },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (role) => mayWrite && !role.is_built_in && <IconButton icon={Trash2} label={`Delete ${role.name}`} onClick={() => onDelete(role)} /> },
  ]
}

function Edit({ role, onClose }: { role: Role | undefined; onClose: () => void }) {
  const client = useQueryClient()
  const can = useCan()
  const { workspace, capabilities: held } = useWorkspace()
  const [name, setName] = useState(role?.name ?? '')
  const [description, setDescription] = useState(role?.description ?? '')
  const [chosen, setChosen] = useState<Capability[]>(role?.capabilities ?? ['workload:read', 'event:read'])
  const body = { name: name.trim(), description: description.trim(), capabilities: chosen }
  const save = useMutation({
    mutationFn: () =>
      role === undefined
        ? ok(api.POST('/api/v1/workspaces/{workspace}/roles', { params: { path: { workspace } }, body }))
        : ok(api.PATCH('/api/v1/workspaces/{workspace}/roles/{role}', { params: { path: { workspace, role: role.id } }, body })),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ['roles', workspace] })
      notify(role === undefined ? `${saved.name} is a role now.` : `${saved.name} holds what you said, for all who have it.`)
      onClose()
    },
  })
  const isTooStrong = role !== undefined && !role.is_built_in && !mayGive(held, role.capabilities)
  const isFixed = role?.is_built_in === true || isTooStrong || !can('member:write')
  const fields = save.error === null ? {} : asError(save.error).fields
  const about = role?.is_built_in === true ? 'Every workspace has this role, and nobody changes it.' : isTooStrong ? 'It holds more than you do, so you cannot change it.' : 'You can give what you hold yourself. A change holds at once for all who have the role.'
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={role === undefined ? 'New role' : role.name}
      about={about}
      footer={
        isFixed ? (
          <Button onClick={onClose}>Close</Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="main" type="submit" form="role" disabled={name.trim() === ''} isPending={save.isPending}>
              {role === undefined ? 'Create role' : 'Save role'}
            </Button>
          </>
        )
      }
    >
      {isFixed ? (
        <Grid chosen={role?.capabilities ?? []} />
      ) : (
        <form
          id="role"
          className="flex flex-col gap-5"
          onSubmit={(event) => {
            event.preventDefault()
            save.mutate()
          }}
        >
          <Field label="Name" error={fields.name}>
            {(wiring) => <Input {...wiring} autoFocus required maxLength={80} placeholder="Night watch" value={name} onChange={(change) => setName(change.target.value)} />}
          </Field>
          <Field label="What it is for" error={fields.description}>
            {(wiring) => <Input {...wiring} maxLength={500} value={description} onChange={(change) => setDescription(change.target.value)} />}
          </Field>
          <Grid chosen={chosen} held={held} onChange={setChosen} />
          {save.error !== null && fields.name === undefined && fields.description === undefined && <ErrorBox error={save.error} doing="save the role" />}
        </form>
      )}
    </Dialog>
  )
}

function Delete({ role, onClose }: { role: Role; onClose: () => void }) {
  const client = useQueryClient()
  const { workspace } = useWorkspace()
  const { members, teams, invites } = role.used_by
  const isUsed = members + teams + invites > 0
  const options = useRoleOptions().filter((option) => option.value !== role.id)
  const [replacement, setReplacement] = useState('viewer')
  const remove = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/workspaces/{workspace}/roles/{role}', { params: { path: { workspace, role: role.id }, query: isUsed ? { replacement } : {} } })),
    onSuccess: async () => {
      for (const key of ['roles', 'members', 'teams', 'invites']) void client.invalidateQueries({ queryKey: [key, workspace] })
      notify(`${role.name} is gone.`)
      onClose()
    },
  })
  const users = [members > 0 && count(members, 'member'), teams > 0 && count(teams, 'team'), invites > 0 && count(invites, 'invitation')].filter((part) => part !== false)
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Delete ${role.name}?`}
      about={isUsed ? `${users.join(', ')} ${members + teams + invites === 1 ? 'has' : 'have'} it.` : 'Nobody has it.'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" isPending={remove.isPending} onClick={() => remove.mutate()}>
            Delete role
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {isUsed && <Field label="They get instead">{(wiring) => <Select {...wiring} value={replacement} onValue={setReplacement} options={options} />}</Field>}
        {remove.error !== null && <ErrorBox error={remove.error} doing="delete the role" />}
      </div>
    </Dialog>
  )
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
