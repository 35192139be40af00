// What a workspace is called, and what its people mean by nine o'clock.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Workspace } from '../api/types'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { notify } from '../kit/notice'
import { Skeleton } from '../kit/skeleton'
import { useCan, useWorkspace } from '../session/me'
import { Section } from '../shell/header'

export const workspaceQuery = (workspace: string) => ({
  queryKey: ['workspace', workspace],
  queryFn: ({ signal }: { signal: AbortSignal }) => ok(api.GET('/api/v1/workspaces/{workspace}', { params: { path: { workspace } }, signal })),
  enabled: workspace !== '',
})

export function General() {
  const { workspace } = useWorkspace()
  const present = useQuery(workspaceQuery(workspace))
  return (
    <Section title="General">
      {present.data !== undefined ? (
        <Form key={workspace} of={present.data} />
      ) : present.error !== null ? (
        <ErrorBox error={present.error} doing="read the workspace" onRetry={() => void present.refetch()} />
      ) : (
        <Skeleton className="h-40 w-full max-w-md" />
      )}
    </Section>
  )
}

function Form({ of }: { of: Workspace }) {
  const client = useQueryClient()
  const isOff = !useCan()('workspace:write')
  const zones = useId()
  const [name, setName] = useState(of.name)
  const [slug, setSlug] = useState(of.slug)
  const [timezone, setTimezone] = useState(of.timezone)
  const save = useMutation({
    mutationFn: () => ok(api.PATCH('/api/v1/workspaces/{workspace}', { params: { path: { workspace: of.id } }, body: { name: name.trim(), slug: slug.trim(), timezone: timezone.trim() } })),
    onSuccess: (fresh) => {
      client.setQueryData(workspaceQuery(of.id).queryKey, fresh)
      setTimezone(fresh.timezone)
      notify('Saved.')
      return client.invalidateQueries({ queryKey: ['me'] })
    },
  })
  const fields = save.error === null ? {} : asError(save.error).fields
  const isSame = name.trim() === of.name && slug.trim() === of.slug && timezone.trim() === of.timezone
  return (
    <form
      className="flex max-w-md flex-col gap-4"
      onSubmit={(submit) => {
        submit.preventDefault()
        save.mutate()
      }}
    >
      <Field label="Name" error={fields.name}>
        {(wiring) => <Input {...wiring} required maxLength={80} disabled={isOff} value={name} onChange={(change) => setName(change.target.value)} />}
      </Field>
      <Field label="Short name" help="For commands and addresses. Scripts that use the old one have to be told." error={fields.slug}>
        {(wiring) => <Input {...wiring} required maxLength={63} spellCheck={false} disabled={isOff} className="font-mono" value={slug} onChange={(change) => setSlug(change.target.value)} />}
      </Field>
      <Field label="Time zone" help="What schedules mean by nine o'clock." error={fields.timezone}>
        {(wiring) => <Input {...wiring} required maxLength={64} list={zones} spellCheck={false} disabled={isOff} value={timezone} onChange={(change) => setTimezone(change.target.value)} />}
      </Field>
      <datalist id={zones}>
        {['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <div>
        <Button type="submit" disabled={isOff || isSame || name.trim() === '' || slug.trim() === ''} isPending={save.isPending}>
          Save
        </Button>
      </div>
      {save.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={save.error} doing="change the workspace" />}
    </form>
  )
}
