// A key that changes: what it may do, and what binds it. Its secret stays.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import type { Key, KeyUpdate } from '../api/types'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { Fields, useFields } from './fields'
import { changes } from './rights'

export function Edit({ of, onClose, onDone }: { of: Key; onClose: () => void; onDone: (key: Key) => void }) {
  const client = useQueryClient()
  const fields = useFields(of)
  const { filled } = fields
  // As it was when the dialog opened: what means nothing where the key reaches is not shown, and not taken away for that.
  const [before] = useState(filled)
  const change = changes(before, filled)
  const isReady = filled.isReady && Object.keys(change).length > 0
  const save = useMutation({
    mutationFn: (body: KeyUpdate) => ok(api.PATCH('/api/v1/keys/{key}', { params: { path: { key: of.id } }, body })),
    onSuccess: async (key) => {
      await client.invalidateQueries({ queryKey: ['keys'] })
      onDone(key)
    },
  })
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title={`Change ${of.label}`}
      about="Holds from its next request on. Its secret stays."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="key" disabled={!isReady} isPending={save.isPending}>
            Save changes
          </Button>
        </>
      }
    >
      <form
        id="key"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          if (isReady) save.mutate(change)
        }}
      >
        <Fields fields={fields} error={save.error} doing="change the key" />
      </form>
    </Dialog>
  )
}
