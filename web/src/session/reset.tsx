// A new password by a link. The token is in the fragment, so no log on the way has it.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import { Button, ButtonLink } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { asSentence } from '../kit/state'
import { Frame } from './frame'
import { tokenOf } from './link'
import { NewPassword, tooShort } from './new-password'

export function Page() {
  const [token] = useState(() => tokenOf(window.location.hash))
  const [password, setPassword] = useState('')
  const link = useQuery({
    queryKey: ['reset', token],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/password/reset/{token}', { params: { path: { token } }, signal })),
    retry: false,
    enabled: token !== '',
  })
  const spend = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/auth/password/reset/{token}', { params: { path: { token } }, body: { password } })),
    onSuccess: () => window.history.replaceState(null, '', '/reset'),
  })
  const short = tooShort(password)
  const fields = spend.error === null ? {} : asError(spend.error).fields
  if (spend.isSuccess) {
    return (
      <Frame title="Your password is set" about="Everybody who was signed in with the old one is signed out.">
        <ButtonLink look="main" to="/sign-in" className="h-9 w-full">Sign in</ButtonLink>
      </Frame>
    )
  }
  if (token === '' || link.error !== null) {
    return (
      <Frame title="This link is over" about={token === '' ? 'It has no token. Open it as it was sent to you.' : asSentence(asError(link.error).message)}>
        <ButtonLink look="main" to="/forgot" className="h-9 w-full">Ask for another one</ButtonLink>
      </Frame>
    )
  }
  return (
    <Frame title="Set a new password" about={link.data === undefined ? <span className="skeleton inline-block h-4 w-48 align-middle" /> : `For ${link.data.email}.`}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          if (short === undefined) spend.mutate()
        }}
      >
        <NewPassword label="New password" autoFocus value={password} onValue={setPassword} error={fields.password ?? short} />
        {spend.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={spend.error} doing="set the password" />}
        <Button look="main" type="submit" isPending={spend.isPending} disabled={link.data === undefined} className="h-9">
          Set password
        </Button>
      </form>
    </Frame>
  )
}
