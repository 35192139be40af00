// Setting up an authenticator app: scan, then show that it works.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { FactorCreated, TotpSecret } from '../api/types'
import { Button } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field } from '../kit/field'
import { CodeInput } from './code-input'

export function AddApp({ secret, onClose, onDone }: { secret: TotpSecret; onClose: () => void; onDone: (made: FactorCreated) => void }) {
  const client = useQueryClient()
  const [code, setCode] = useState('')
  const [isTyping, setTyping] = useState(false)
  const confirm = useMutation({
    mutationFn: (token: string) => ok(api.POST('/api/v1/auth/mfa/setup/confirm', { body: { token } })),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: ['factors'] })
      void client.invalidateQueries({ queryKey: ['me'] })
      onDone(made)
    },
    onError: () => setCode(''),
  })
  const error = confirm.error === null ? undefined : asError(confirm.error).fields.token
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Add an authenticator app"
      about="Scan the picture with the app on your phone, then enter the six digits that it shows."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="totp" disabled={code.length < 6} isPending={confirm.isPending}>
            Turn it on
          </Button>
        </>
      }
    >
      <form
        id="totp"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          confirm.mutate(code)
        }}
      >
        <div className="flex flex-col items-center gap-2">
          {/* Cameras want dark on light, in both themes. */}
          <img alt="QR code for the authenticator app" src={`data:image/svg+xml;utf8,${encodeURIComponent(secret.qr_svg)}`} width={184} height={184} className="rounded border border-line bg-on-accent p-2" />
          <button type="button" aria-expanded={isTyping} className="rounded text-13 text-accent-ink underline-offset-2 hover:underline" onClick={() => setTyping(!isTyping)}>
            Type it instead
          </button>
        </div>
        {isTyping && <Code label="secret" text={secret.secret} />}
        <Field label="Code" error={error}>{(wiring) => <CodeInput {...wiring} value={code} onValue={setCode} onFull={(full) => confirm.mutate(full)} />}</Field>
        {confirm.error !== null && error === undefined && <ErrorBox error={confirm.error} doing="turn it on" />}
      </form>
    </Dialog>
  )
}
