// First run: the one-time link of the server's console makes the first admin.

import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query'
import { Navigate, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput } from '../kit/field'
import { Frame } from './frame'
import { secretOf } from './link'
import { meQuery, setupQuery } from './me'

const PASSWORD_LEAST = 12

export function Page() {
  const { data: status } = useSuspenseQuery(setupQuery)
  if (status.state !== 'setup') return <Navigate to="/" replace />
  return <Install />
}

function Install() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [given] = useState(() => secretOf(window.location.hash))
  const [secret, setSecret] = useState(given)
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [isTouched, setTouched] = useState(false)
  const install = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/setup/install', { body: { secret, name: name.trim(), email, password, workspace: null, settings: {} } })),
    onSuccess: async () => {
      // The secret is used up; nobody needs to find it in the history.
      window.history.replaceState(null, '', '/setup')
      client.setQueryData(setupQuery.queryKey, (old) => (old === undefined ? old : { ...old, state: 'installed' as const }))
      await client.fetchQuery(meQuery)
      await navigate({ to: '/', replace: true })
    },
  })
  const fields = install.error === null ? {} : asError(install.error).fields
  const isShort = password.length < PASSWORD_LEAST
  return (
    <Frame title="Welcome to Ostler" about="Create the first admin. You can invite others later.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          setTouched(true)
          if (!isShort) install.mutate()
        }}
      >
        {given === '' && (
          <Field label="One-time secret" error={fields.secret} help="The server printed it when it first started. It is also in the link that it printed.">
            {(wiring) => <SecretInput {...wiring} required autoComplete="off" value={secret} onChange={(change) => setSecret(change.target.value.trim())} />}
          </Field>
        )}
        <Field label="Your name" error={fields.name}>
          {(wiring) => <Input {...wiring} autoComplete="name" required maxLength={80} autoFocus value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        <Field label="E-mail" error={fields.email} help="You sign in with it.">
          {(wiring) => <Input {...wiring} type="email" autoComplete="username" required value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        <Field
          label="Password"
          help={`At least ${PASSWORD_LEAST} characters. A few words are better than a few signs.`}
          error={fields.password ?? (isTouched && isShort ? `Use at least ${PASSWORD_LEAST} characters; ${password.length} so far.` : undefined)}
        >
          {(wiring) => (
            <SecretInput {...wiring} autoComplete="new-password" required maxLength={256} value={password} onBlur={() => setTouched(password !== '')} onChange={(change) => setPassword(change.target.value)} />
          )}
        </Field>
        {install.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={install.error} doing="create the admin" />}
        <Button look="main" type="submit" isPending={install.isPending} className="h-9">
          Create admin and sign in
        </Button>
      </form>
    </Frame>
  )
}
