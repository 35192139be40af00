// A new workspace: a name, and a short one that follows it until somebody says otherwise.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { notify } from '../kit/notice'
import { chooseWorkspace } from '../session/me'
import { shortNameOf } from './short-name'

export function Create({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [slug, setSlug] = useState<string>()
  const make = useMutation({
    mutationFn: () =>
      ok(
        api.POST('/api/v1/workspaces', {
          // Without a short name the server finds one that is free.
          body: { name: name.trim(), timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, ...(slug === undefined || slug.trim() === '' ? {} : { slug: slug.trim() }) },
        }),
      ),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: ['me'] })
      chooseWorkspace(made.id)
      onClose()
      notify(`${made.name} is ready.`)
      await navigate({ to: '/' })
    },
  })
  const fields = make.error === null ? {} : asError(make.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New workspace"
      about="A place of its own: servers, nodes, members and keys of one never meet those of another. You become its owner."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="workspace" disabled={name.trim() === ''} isPending={make.isPending}>
            Create workspace
          </Button>
        </>
      }
    >
      <form
        id="workspace"
        className="flex flex-col gap-5"
        onSubmit={(submit) => {
          submit.preventDefault()
          make.mutate()
        }}
      >
        <Field label="Name" error={fields.name}>
          {(wiring) => <Input {...wiring} autoFocus required maxLength={80} placeholder="Friday night" value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <Field label="Short name" help="For commands and addresses." error={fields.slug}>
          {(wiring) => <Input {...wiring} maxLength={63} spellCheck={false} autoComplete="off" className="font-mono" placeholder={shortNameOf('Friday night')} value={slug ?? shortNameOf(name)} onChange={(change) => setSlug(change.target.value)} />}
        </Field>
        {make.error !== null && fields.name === undefined && fields.slug === undefined && <ErrorBox error={make.error} doing="create the workspace" />}
      </form>
    </Dialog>
  )
}
