// Accepting an invitation: how one wants to be called, and a password.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import { Button, ButtonLink } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { asSentence } from '../kit/state'
import { Frame } from './frame'
import { tokenOf } from './link'
import { meQuery } from './me'
import { NewPassword, tooShort } from './new-password'

const KEPT = 'ostler.invite'

/** The token of the link, or the one that was kept while its person signed in: it must not stand in an address that is sent. */
function keptToken(token: string): string {
  try {
    if (token !== '') sessionStorage.setItem(KEPT, token)
    return token === '' ? (sessionStorage.getItem(KEPT) ?? '') : token
  } catch {
    return token
  }
}

function forgetToken(): void {
  try {
    sessionStorage.removeItem(KEPT)
  } catch {
    // Nothing was kept then.
  }
}

export function Page() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [token] = useState(() => keptToken(tokenOf(window.location.hash)))
  const [name, setName] = useState<string>()
  const [password, setPassword] = useState('')
  const link = useQuery({
    queryKey: ['invite', token],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/invitations/{token}', { params: { path: { token } }, signal })),
    retry: false,
    enabled: token !== '',
  })
  const called = name ?? link.data?.name ?? ''
  const accept = useMutation({
    mutationFn: async () => {
      const user = await ok(api.POST('/api/v1/auth/invitations/{token}/accept', { params: { path: { token } }, body: { password, name: called.trim() } }))
      forgetToken()
      window.history.replaceState(null, '', '/invite')
      await ok(api.POST('/api/v1/auth/login', { body: { email: user.email, password, token: false } }))
    },
    onSuccess: async () => {
      client.removeQueries({ queryKey: meQuery.queryKey })
      await client.fetchQuery(meQuery)
      await navigate({ to: '/', replace: true })
    },
  })
  if (token === '' || (link.error !== null && accept.isIdle)) {
    return (
      <Frame title="This invitation is over" about={token === '' ? 'The link has no token. Open it as it was sent to you.' : asSentence(asError(link.error).message)}>
        <ButtonLink to="/sign-in" className="h-9 w-full">Go to sign-in</ButtonLink>
      </Frame>
    )
  }
  if (link.data?.has_account === true) return <Join token={token} email={link.data.email} />
  const short = tooShort(password)
  const fields = accept.error === null ? {} : asError(accept.error).fields
  return (
    <Frame title="Welcome to Ostler" about={link.data === undefined ? <span className="skeleton inline-block h-4 w-56 align-middle" /> : `You are invited as ${link.data.email}.`}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          if (short === undefined) accept.mutate()
        }}
      >
        <Field label="Your name" error={fields.name}>
          {(wiring) => <Input {...wiring} autoComplete="name" required maxLength={80} value={called} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <NewPassword autoFocus value={password} onValue={setPassword} error={fields.password ?? short} />
        {accept.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={accept.error} doing="accept the invitation" />}
        <Button look="main" type="submit" isPending={accept.isPending} disabled={link.data === undefined} className="h-9">
          Accept and sign in
        </Button>
      </form>
    </Frame>
  )
}

/** The address has an account: its person accepts, signed in. */
function Join({ token, email }: { token: string; email: string }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const me = useQuery({ ...meQuery, retry: false })
  const join = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/users/me/invitations', { body: { token } })),
    onSuccess: async () => {
      forgetToken()
      window.history.replaceState(null, '', '/invite')
      await client.fetchQuery({ ...meQuery, staleTime: 0 })
      await navigate({ to: '/', replace: true })
    },
  })
  if (me.data?.user.email === email) {
    return (
      <Frame title="You are invited" about={`Accept it as ${email}. You keep what you have.`}>
        {join.error !== null && <ErrorBox error={join.error} doing="accept the invitation" />}
        <Button look="main" isPending={join.isPending} onClick={() => join.mutate()} className="h-9 w-full">
          Accept
        </Button>
      </Frame>
    )
  }
  return (
    <Frame title="You have an account" about={`Sign in as ${email} to accept this invitation. If you did not make this account, set a new password by mail, or tell who invited you.`}>
      <ButtonLink to="/sign-in" search={{ next: '/invite' }} className="h-9 w-full">Sign in</ButtonLink>
      <ButtonLink to="/forgot" className="h-9 w-full">Set a new password</ButtonLink>
    </Frame>
  )
}
