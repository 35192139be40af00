// Who is in a team.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { UserMinus, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { all, api, ok } from '../api/client'
import type { Team, TeamMember } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Select } from '../kit/select'
import { Skeleton } from '../kit/skeleton'
import { useCan, useWorkspace } from '../session/me'

export function People({ team, onClose }: { team: Team; onClose: () => void }) {
  const client = useQueryClient()
  const can = useCan()
  const { workspace } = useWorkspace()
  const path = { workspace, team: team.id }
  const [chosen, setChosen] = useState('')
  const key = ['team', team.id, 'members']
  const list = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/teams/{team}/members', { params: { path, query }, signal }))),
  })
  const members = useQuery({
    queryKey: ['members', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/members', { params: { path: { workspace }, query }, signal }))),
  })
  const fresh = async () => {
    await client.invalidateQueries({ queryKey: key })
    await client.invalidateQueries({ queryKey: ['teams', workspace] })
  }
  const add = useMutation({
    mutationFn: (user: string) => ok(api.POST('/api/v1/workspaces/{workspace}/teams/{team}/members', { params: { path }, body: { user } })),
    onSuccess: async () => {
      setChosen('')
      await fresh()
    },
  })
  const remove = useMutation({
    mutationFn: (member: TeamMember) => ok(api.DELETE('/api/v1/workspaces/{workspace}/teams/{team}/members/{user}', { params: { path: { ...path, user: member.user } } })),
    onSuccess: fresh,
  })
  const inside = list.data?.items
  const outside = members.data?.items.filter((member) => inside?.every((each) => each.user !== member.user) ?? false) ?? []
  const error = add.error ?? remove.error
  return (
    <Dialog isOpen onClose={onClose} title={`People in ${team.name}`} about={team.grant === null ? 'The team gives nothing beyond their own roles.' : 'Whoever is here has what the team gives, at once.'} footer={<Button onClick={onClose}>Done</Button>}>
      <div className="flex flex-col gap-4">
        {can('member:write') && (
          <form
            className="flex gap-2"
            onSubmit={(event) => {
              event.preventDefault()
              add.mutate(chosen)
            }}
          >
            <Select label="Member to add" disabled={outside.length === 0} value={chosen} onValue={setChosen} options={outside.map((member) => ({ value: member.user, label: member.name, help: member.email }))} />
            <Button type="submit" icon={UserPlus} disabled={chosen === ''} isPending={add.isPending}>
              Add
            </Button>
          </form>
        )}
        {error !== null && <ErrorBox error={error} doing="change who is in the team" />}
        {list.error !== null && <ErrorBox error={list.error} doing="read who is in the team" onRetry={() => void list.refetch()} />}
        {list.isPending && <Skeleton className="h-16 w-full" />}
        {inside?.length === 0 && <p className="text-13 text-ink-2">Nobody is in it yet.</p>}
        {inside !== undefined && inside.length > 0 && (
          <ul className="divide-y divide-line rounded border border-line">
            {inside.map((member) => (
              <li key={member.user} className="flex min-h-11 items-center gap-3 px-3 py-1.5">
                <span className="min-w-0 flex-1 truncate text-13 font-medium">{member.name}</span>
                <span className="hidden truncate text-12 text-ink-2 sm:inline">{member.email}</span>
                {can('member:write') && <IconButton icon={UserMinus} label={`Take ${member.name} out`} isPending={remove.isPending && remove.variables.user === member.user} onClick={() => remove.mutate(member)} />}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Dialog>
  )
}
