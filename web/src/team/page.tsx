// Teams: people of the workspace, and what they may do together beyond their own roles.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus, Trash2, UsersRound } from 'lucide-react'
import { useState } from 'react'
import { all, api, ok } from '../api/client'
import type { Team } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { type Column, Table } from '../kit/table'
import { roleName, useRoles } from '../role/query'
import { things } from '../role/words'
import { useCan, useWorkspace } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Content, Header } from '../shell/header'
import { Edit } from './edit'
import { People } from './people'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const roles = useRoles().data?.items
  const [open, setOpen] = useState<Team | 'new'>()
  const [people, setPeople] = useState<Team>()
  const [going, setGoing] = useState<Team>()
  const list = useQuery({
    queryKey: ['teams', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/teams', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '',
  })
  const make = can('member:write') && (
    <Button look="main" icon={Plus} onClick={() => setOpen('new')}>
      New team
    </Button>
  )
  const columns: Column<Team>[] = [
    { id: 'name', label: 'Team', sort: (team) => team.name, cell: (team) => <span className="block max-w-[45vw] truncate font-medium sm:max-w-56">{team.name}</span> },
    { id: 'gives', label: 'Gives', from: 'sm', isFluid: true, cell: (team) => <span className="block truncate text-ink-2">{given(team, (id) => roleName(roles, id))}</span> },
    {
      id: 'members',
      label: 'People',
      isRight: true,
      width: '100px',
      sort: (team) => team.members,
      cell: (team) => (
        <Button small icon={UsersRound} aria-label={`${team.members} people in ${team.name}`} onClick={() => setPeople(team)}>
          {team.members}
        </Button>
      ),
    },
    { id: 'actions', label: '', width: '44px', isRight: true, cell: (team) => can('member:write') && <IconButton icon={Trash2} label={`Delete ${team.name}`} onClick={() => setGoing(team)} /> },
  ]
  return (
    <>
      <Header title="Teams" above={{ label: 'Settings', link: { to: '/settings' } }} actions={make} />
      <SettingsTabs />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the teams" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Teams"
            columns={columns}
            rows={list.data?.items}
            rowId={(team) => team.id}
            rowLabel={(team) => team.name}
            onOpen={can('member:write') ? setOpen : setPeople}
            expected={3}
            empty={
              <Empty icon={UsersRound} title="No teams yet" action={make}>
                A team gives some people a role on chosen servers and nodes, on top of what they are in the workspace.
              </Empty>
            }
          />
        )}
      </Content>
      {open !== undefined && (
        <Edit
          team={open === 'new' ? undefined : open}
          onClose={() => setOpen(undefined)}
          onMade={(made) => {
            setOpen(undefined)
            setPeople(made)
          }}
        />
      )}
      {people !== undefined && <People team={people} onClose={() => setPeople(undefined)} />}
      {going !== undefined && <Delete team={going} onClose={() => setGoing(undefined)} />}
    </>
  )
}

function given(team: Team, name: (role: string) => string): string {
  if (team.grant === null) return 'nothing beyond their own roles'
  const { role, on } = team.grant
  if (on === 'workspace') return `${name(role)} in the whole workspace`
  if (on.only.length === 0) return `${name(role)} on what was deleted`
  return `${name(role)} on ${things(on.only)}`
}

function Delete({ team, onClose }: { team: Team; onClose: () => void }) {
  const client = useQueryClient()
  const { workspace } = useWorkspace()
  const remove = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/workspaces/{workspace}/teams/{team}', { params: { path: { workspace, team: team.id } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['teams', workspace] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Delete ${team.name}?`}
      losses={[team.grant === null ? 'It gives nobody anything.' : 'Its people lose what it gave them, at once.', 'They stay members of the workspace, with their own roles.']}
      verb="Delete team"
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    />
  )
}
