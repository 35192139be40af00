// The second half of signing in: a code of the authenticator app, a passkey, or a recovery code.

import { useMutation } from '@tanstack/react-query'
import { Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { CodeInput } from '../account/code-input'
import { hasPasskeys, showPasskey } from '../account/passkey'
import { api, ok } from '../api/client'
import type { MfaChallenge, MfaMethod } from '../api/types'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { Frame } from './frame'

const OTHER: Record<MfaMethod, string> = { totp: 'Use the authenticator app', passkey: 'Use a passkey', recovery: 'Use a recovery code', password: '' }
const ABOUT: Record<MfaMethod, string> = {
  totp: 'Enter the six digits that your authenticator app shows now.',
  passkey: 'Use the passkey that you added to this account.',
  recovery: 'Enter one of the codes that you kept. It works once.',
  password: '',
}

export function Challenge({ challenge, onDone, onBack }: { challenge: MfaChallenge; onDone: () => Promise<void>; onBack: () => void }) {
  const methods = challenge.methods.filter((method) => method !== 'passkey' || (hasPasskeys() && challenge.passkey != null))
  const [method, setMethod] = useState<MfaMethod>(methods[0] ?? 'recovery')
  const [code, setCode] = useState('')
  const challenge_token = challenge.challenge_token ?? null
  const verify = useMutation({
    mutationFn: async (given: string) => {
      if (method === 'recovery') {
        await ok(api.POST('/api/v1/auth/mfa/recovery/verify', { body: { challenge_token, recovery_code: given.trim() } }))
        return
      }
      const passkey = method === 'passkey' && challenge.passkey != null ? await showPasskey(challenge.passkey) : null
      const token = method === 'totp' ? given : null
      await ok(api.POST('/api/v1/auth/mfa/challenge/verify', { body: { challenge_token, token, passkey } }))
    },
    onSuccess: onDone,
    onError: () => setCode(''),
  })
  const turn = (to: MfaMethod) => {
    setMethod(to)
    setCode('')
    verify.reset()
  }
  return (
    <Frame title="Is it you?" about={ABOUT[method]}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          verify.mutate(code)
        }}
      >
        {method === 'totp' && (
          <Field label="Code">{(wiring) => <CodeInput {...wiring} value={code} onValue={setCode} onFull={(full) => verify.mutate(full)} />}</Field>
        )}
        {method === 'recovery' && (
          <Field label="Recovery code">
            {(wiring) => <Input {...wiring} autoFocus required autoComplete="off" spellCheck={false} className="font-mono" value={code} onChange={(change) => setCode(change.target.value)} />}
          </Field>
        )}
        {verify.error !== null && <ErrorBox error={verify.error} doing="sign in" />}
        <Button look="main" type="submit" icon={method === 'passkey' ? Fingerprint : undefined} isPending={verify.isPending} disabled={method !== 'passkey' && code.trim() === ''} className="h-9">
          {method === 'passkey' ? 'Show the passkey' : 'Continue'}
        </Button>
        <div className="flex flex-col items-start gap-2 text-13">
          {methods.filter((other) => other !== method).map((other) => (
            <button key={other} type="button" className="rounded text-accent-ink underline-offset-2 hover:underline" onClick={() => turn(other)}>
              {OTHER[other]}
            </button>
          ))}
          <button type="button" className="rounded text-ink-2 underline-offset-2 hover:text-ink hover:underline" onClick={onBack}>
            Sign in as somebody else
          </button>
        </div>
      </form>
    </Frame>
  )
}
