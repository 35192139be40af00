// A new key, and its secret, shown once.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, ok } from '../api/client'
import type { KeyCreate, KeyCreated } from '../api/types'
import { Button } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'
import { Fields, useFields } from './fields'

export function Make({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const fields = useFields()
  const { isReady, label, capabilities, scope, networks, rate, expires } = fields.filled
  const make = useMutation({
    mutationFn: (body: KeyCreate) => ok(api.POST('/api/v1/keys', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  })
  if (make.data !== undefined) return <Made made={make.data} onClose={onClose} />
  const submit = () => make.mutate({ label, capabilities, scope, networks, ...(rate === null ? {} : { requests_per_minute: rate }), ...(expires == null ? {} : { expires_at: expires }) })
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title="New API key"
      about="It acts as you, with some of your rights and never more."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="key" disabled={!isReady} isPending={make.isPending}>
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
          if (isReady) submit()
        }}
      >
        <Fields fields={fields} error={make.error} doing="create the key" />
      </form>
    </Dialog>
  )
}

/** The secret of a key, which nobody sees again. */
export function Made({ made, onClose }: { made: KeyCreated; onClose: () => void }) {
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
