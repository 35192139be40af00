// Sign-in: password or passkey, then a second factor for those who have one.

import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { CircleX, Fingerprint, LogIn } from 'lucide-react'
import { useState } from 'react'
import { hasPasskeys, showPasskey } from '../account/passkey'
import { api, ok } from '../api/client'
import type { Me, MfaChallenge } from '../api/types'
import { Button, shape } from '../kit/button'
import { cx } from '../kit/cx'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput } from '../kit/field'
import { Challenge } from './challenge'
import { Frame } from './frame'
import { safePath } from './link'
import { meQuery } from './me'

const providersQuery = queryOptions({ queryKey: ['providers'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/providers', { signal })), retry: false })

/** What signing in answers: somebody is in, or has to show more. */
type Entry = Me | { mfa: MfaChallenge }

const REASONS: Record<string, string> = {
  link_first: 'Your account has a password. Sign in with it, then link the provider under Settings, Security.',
  no_account: 'You have no account here for it. Ask an admin to invite you, or sign in with your password.',
  state: 'It took too long, or was begun in another browser. Try once more.',
  provider_refused: 'The provider did not let you in.',
  provider_failed: 'The provider answered in a way that cannot be trusted. An admin finds the reason in the server’s log.',
}

/** Why a provider has sent the browser back with nobody in. */
const Refused = ({ code }: { code: string }) => (
  <div role="alert" className="flex gap-3 rounded border border-failed/30 bg-failed-soft px-3 py-2.5 text-13">
    <CircleX size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
    <p>{REASONS[code] ?? 'The provider did not let you in.'}</p>
  </div>
)

export function Page() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { next, mfa, error } = useSearch({ from: '/sign-in' })
  const providers = useQuery(providersQuery).data?.items ?? []
  // A browser that comes back from a provider holds its challenge in a cookie.
  const pending = useQuery({ queryKey: ['challenge'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/mfa/challenge', { signal })), enabled: mfa === true, retry: false, staleTime: Infinity })
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [given, setChallenge] = useState<MfaChallenge | null>()
  const challenge = given === undefined ? pending.data : (given ?? undefined)
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
          setChallenge(null)
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
        {error !== undefined && signIn.isIdle && byPasskey.isIdle && <Refused code={error} />}
        {pending.error !== null && <ErrorBox error={pending.error} doing="go on signing in" />}
        {signIn.error !== null && <ErrorBox error={signIn.error} doing="sign in" />}
        <Button look="main" type="submit" isPending={signIn.isPending} className="h-9">
          Sign in
        </Button>
        {(hasPasskeys() || providers.length > 0) && (
          <>
            <div className="flex items-center gap-3 text-12 text-ink-3" aria-hidden>
              <span className="h-px flex-1 bg-line" />
              or
              <span className="h-px flex-1 bg-line" />
            </div>
            {hasPasskeys() && <Button
              icon={Fingerprint}
              isPending={byPasskey.isPending}
              className="h-9"
              onClick={() => {
                signIn.reset()
                byPasskey.mutate()
              }}
            >
              Sign in with a passkey
            </Button>}
            {providers.map((provider) => (
              <a key={provider.slug} href={`${provider.start}?${new URLSearchParams({ next: safePath(next) })}`} className={cx(shape('plain'), 'h-9')}>
                <LogIn size={14} aria-hidden /> Sign in with {provider.name}
              </a>
            ))}
            {byPasskey.error !== null && <ErrorBox error={byPasskey.error} doing="sign in" />}
          </>
        )}
      </form>
    </Frame>
  )
}
