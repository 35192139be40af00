// Changing one's password.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, SecretInput } from '../kit/field'
import { notify } from '../kit/notice'
import { NewPassword, tooShort } from '../session/new-password'

export function ChangePassword({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [current_password, setCurrent] = useState('')
  const [new_password, setNew] = useState('')
  const short = tooShort(new_password)
  const change = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/users/me/password', { body: { current_password, new_password } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['sessions'] })
      notify('Your password is changed. Your other sessions have ended.')
      onClose()
    },
  })
  const fields = change.error === null ? {} : asError(change.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Change password"
      about="Your other sessions end."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="password" disabled={current_password === '' || new_password === ''} isPending={change.isPending}>
            Change password
          </Button>
        </>
      }
    >
      <form
        id="password"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          if (short === undefined) change.mutate()
        }}
      >
        <Field label="Present password" error={fields.current_password}>
          {(wiring) => <SecretInput {...wiring} autoFocus required autoComplete="current-password" value={current_password} onChange={(event) => setCurrent(event.target.value)} />}
        </Field>
        <NewPassword label="New password" value={new_password} onValue={setNew} error={fields.new_password ?? short} />
        {change.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={change.error} doing="change the password" />}
      </form>
    </Dialog>
  )
}
