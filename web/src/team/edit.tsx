// One team: its name, and what it gives on what.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Team } from '../api/types'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { Select } from '../kit/select'
import { useRoleOptions } from '../role/query'
import { Things } from '../role/things'
import { useWorkspace } from '../session/me'

const NOTHING = 'nothing'
const REACHES = [
  { value: 'only', label: 'Chosen servers and nodes' },
  { value: 'workspace', label: 'The whole workspace' },
]

export function Edit({ team, onClose, onMade }: { team: Team | undefined; onClose: () => void; onMade: (team: Team) => void }) {
  const client = useQueryClient()
  const { workspace } = useWorkspace()
  const roles = useRoleOptions()
  const [name, setName] = useState(team?.name ?? '')
  const [description, setDescription] = useState(team?.description ?? '')
  const [role, setRole] = useState(team?.grant?.role ?? NOTHING)
  const [reach, setReach] = useState(team?.grant?.on === 'workspace' ? 'workspace' : 'only')
  const [only, setOnly] = useState<readonly string[]>(team?.grant != null && team.grant.on !== 'workspace' ? team.grant.on.only : [])
  const grant = role === NOTHING ? null : { role, on: reach === 'workspace' ? ('workspace' as const) : { only: [...only] } }
  const save = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), description: description.trim(), grant }
      return team === undefined
        ? ok(api.POST('/api/v1/workspaces/{workspace}/teams', { params: { path: { workspace } }, body }))
        : ok(api.PATCH('/api/v1/workspaces/{workspace}/teams/{team}', { params: { path: { workspace, team: team.id } }, body }))
    },
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ['teams', workspace] })
      if (team === undefined) onMade(saved)
      else onClose()
    },
  })
  const fields = save.error === null ? {} : asError(save.error).fields
  const isUnknown = Object.keys(fields).every((field) => !['name', 'description', 'grant.role', 'grant.on'].includes(field))
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={team === undefined ? 'New team' : team.name}
      about="What a team gives comes on top of what its people are in the workspace."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="team" disabled={name.trim() === '' || (role !== NOTHING && reach === 'only' && only.length === 0)} isPending={save.isPending}>
            {team === undefined ? 'Create team' : 'Save team'}
          </Button>
        </>
      }
    >
      <form
        id="team"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Field label="Name" error={fields.name}>
          {(wiring) => <Input {...wiring} autoFocus required maxLength={80} placeholder="Builders" value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <Field label="What it is for" error={fields.description}>
          {(wiring) => <Input {...wiring} maxLength={500} value={description} onChange={(change) => setDescription(change.target.value)} />}
        </Field>
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Gives the role" error={fields['grant.role']}>
            {(wiring) => <Select {...wiring} value={role} onValue={setRole} options={[{ value: NOTHING, label: 'None' }, ...roles]} />}
          </Field>
          {role !== NOTHING && <Field label="On">{(wiring) => <Select {...wiring} value={reach} onValue={setReach} options={REACHES} />}</Field>}
        </div>
        {role !== NOTHING && reach === 'only' && <Things only={only} onOnly={setOnly} error={fields['grant.on']} />}
        {save.error !== null && isUnknown && <ErrorBox error={save.error} doing="save the team" />}
      </form>
    </Dialog>
  )
}
