// Sign-in.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput } from '../kit/field'
import { Frame } from './frame'
import { safePath } from './link'
import { meQuery } from './me'

export function Page() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { next } = useSearch({ from: '/sign-in' })
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const signIn = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/auth/login', { body: { email, password } })),
    onSuccess: async () => {
      client.removeQueries({ queryKey: meQuery.queryKey })
      await client.fetchQuery(meQuery)
      await navigate({ href: safePath(next), replace: true })
    },
  })
  return (
    <Frame title="Sign in" about="Use the account of this installation.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          signIn.mutate()
        }}
      >
        <Field label="E-mail">
          {(wiring) => <Input {...wiring} type="email" autoComplete="username" required autoFocus value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        <Field label="Password">
          {(wiring) => <SecretInput {...wiring} autoComplete="current-password" required value={password} onChange={(change) => setPassword(change.target.value)} />}
        </Field>
        {signIn.error !== null && <ErrorBox error={signIn.error} doing="sign in" />}
        <Button look="main" type="submit" isPending={signIn.isPending} className="h-9">
          Sign in
        </Button>
      </form>
    </Frame>
  )
}
