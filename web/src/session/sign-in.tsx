// Sign-in: password or passkey, then a second factor for those who have one.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { hasPasskeys, showPasskey } from '../account/passkey'
import { api, ok } from '../api/client'
import type { Me, MfaChallenge } from '../api/types'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput } from '../kit/field'
import { Challenge } from './challenge'
import { Frame } from './frame'
import { safePath } from './link'
import { meQuery } from './me'

/** What signing in answers: somebody is in, or has to show more. */
type Entry = Me | { mfa: MfaChallenge }

export function Page() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { next } = useSearch({ from: '/sign-in' })
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [challenge, setChallenge] = useState<MfaChallenge>()
  const enter = async () => {
    client.removeQueries({ queryKey: meQuery.queryKey })
    await client.fetchQuery(meQuery)
    await navigate({ href: safePath(next), replace: true })
  }
  const signIn = useMutation({
    mutationFn: async () => (await ok(api.POST('/api/v1/auth/login', { body: { email, password, token: false } }))) as Entry,
    onSuccess: (entry) => ('mfa' in entry ? setChallenge(entry.mfa) : enter()),
  })
  const byPasskey = useMutation({
    mutationFn: async () => {
      const { ticket, options } = await ok(api.GET('/api/v1/auth/passkey/options'))
      const credential = await showPasskey(options)
      await ok(api.POST('/api/v1/auth/passkey/verify', { body: { ticket, credential, token: false } }))
    },
    onSuccess: enter,
  })
  if (challenge !== undefined) {
    return (
      <Challenge
        challenge={challenge}
        onDone={enter}
        onBack={() => {
          setChallenge(undefined)
          setPassword('')
          signIn.reset()
        }}
      />
    )
  }
  return (
    <Frame title="Sign in" about="Use the account of this installation.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          byPasskey.reset()
          signIn.mutate()
        }}
      >
        <Field label="E-mail">
          {(wiring) => <Input {...wiring} type="email" autoComplete="username" required autoFocus value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        <Field
          label="Password"
          hint={
            <Link to="/forgot" className="rounded text-12 text-ink-2 underline-offset-2 hover:text-ink hover:underline">
              Forgot it?
            </Link>
          }
        >
          {(wiring) => <SecretInput {...wiring} autoComplete="current-password" required value={password} onChange={(change) => setPassword(change.target.value)} />}
        </Field>
        {signIn.error !== null && <ErrorBox error={signIn.error} doing="sign in" />}
        <Button look="main" type="submit" isPending={signIn.isPending} className="h-9">
          Sign in
        </Button>
        {hasPasskeys() && (
          <>
            <div className="flex items-center gap-3 text-12 text-ink-3" aria-hidden>
              <span className="h-px flex-1 bg-line" />
              or
              <span className="h-px flex-1 bg-line" />
            </div>
            <Button
              icon={Fingerprint}
              isPending={byPasskey.isPending}
              className="h-9"
              onClick={() => {
                signIn.reset()
                byPasskey.mutate()
              }}
            >
              Sign in with a passkey
            </Button>
            {byPasskey.error !== null && <ErrorBox error={byPasskey.error} doing="sign in" />}
          </>
        )}
      </form>
    </Frame>
  )
}
