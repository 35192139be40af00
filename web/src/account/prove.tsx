// "Is it you?" before what decides who a person is is changed. The server says when it wants to know; then the work goes on.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import type { Confirm, MfaMethod } from '../api/types'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput } from '../kit/field'
import { Skeleton } from '../kit/skeleton'
import { Segments } from '../kit/tabs'
import { CodeInput } from './code-input'
import { hasPasskeys, showPasskey } from './passkey'

const WORDS: Record<MfaMethod, string> = { totp: 'App', passkey: 'Passkey', recovery: 'Recovery code', password: 'Password' }

export function Question({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const options = useQuery({ queryKey: ['confirm'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/confirm', { signal })), gcTime: 0, staleTime: 0 })
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [chosen, setChosen] = useState<MfaMethod>()
  const second = options.data?.methods.filter((method) => method !== 'password' && (method !== 'passkey' || hasPasskeys())) ?? []
  const method = chosen ?? second[0]
  const confirm = useMutation({
    mutationFn: async () => {
      const body: Confirm = { password: password === '' ? null : password, token: null, recovery_code: null, passkey: null, ticket: null }
      if (method === 'totp') body.token = code
      if (method === 'recovery') body.recovery_code = code.trim()
      if (method === 'passkey' && options.data?.passkey != null) {
        body.passkey = await showPasskey(options.data.passkey)
        body.ticket = options.data.ticket ?? null
      }
      await ok(api.POST('/api/v1/auth/confirm', { body }))
    },
    onSuccess: onDone,
    onError: () => void options.refetch(),
  })
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Is it you?"
      about="This decides who a person is. You are asked once in ten minutes."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="prove" icon={method === 'passkey' ? Fingerprint : undefined} isPending={confirm.isPending} disabled={options.data === undefined}>
            Continue
          </Button>
        </>
      }
    >
      {options.error !== null && <ErrorBox error={options.error} doing="ask what to show" onRetry={() => void options.refetch()} />}
      {options.data === undefined && options.error === null && <Skeleton className="h-14 w-full" />}
      {options.data !== undefined && (
        <form
          id="prove"
          className="flex flex-col gap-4"
          onSubmit={(submit) => {
            submit.preventDefault()
            confirm.mutate()
          }}
        >
          {options.data.methods.includes('password') && (
            <Field label="Your password">{(wiring) => <SecretInput {...wiring} autoFocus required autoComplete="current-password" value={password} onChange={(change) => setPassword(change.target.value)} />}</Field>
          )}
          {second.length > 1 && method !== undefined && (
            <Segments
              label="Second factor"
              value={method}
              onValue={(to) => {
                setChosen(to as MfaMethod)
                setCode('')
              }}
              options={second.map((each) => ({ value: each, label: WORDS[each] }))}
            />
          )}
          {method === 'totp' && <Field label="Code of the authenticator app">{(wiring) => <CodeInput {...wiring} value={code} onValue={setCode} />}</Field>}
          {method === 'recovery' && (
            <Field label="Recovery code" help="It works once.">{(wiring) => <Input {...wiring} required autoComplete="off" className="font-mono" value={code} onChange={(change) => setCode(change.target.value)} />}</Field>
          )}
          {confirm.error !== null && <ErrorBox error={confirm.error} doing="continue" />}
        </form>
      )}
    </Dialog>
  )
}
