// A forgotten password: asks for a link. The answer is the same for every address, so nobody learns who has an account.

import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { Button, ButtonLink } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { Frame } from './frame'

export function Page() {
  const [email, setEmail] = useState('')
  const ask = useMutation({ mutationFn: () => ok(api.POST('/api/v1/auth/password/forgot', { body: { email } })) })
  const back = <ButtonLink to="/sign-in" className="h-9">Back to sign-in</ButtonLink>
  if (ask.data !== undefined) {
    return (
      <Frame
        title={ask.data.is_mail_on ? 'Look at your mail' : 'Ask an admin'}
        about={
          ask.data.is_mail_on
            ? `If ${email} has an account here, a link to set a new password is on its way. It works once, for an hour.`
            : 'This installation sends no mail. A platform admin can make a link for you on the page of people.'
        }
      >
        <div className="flex flex-col">{back}</div>
      </Frame>
    )
  }
  return (
    <Frame title="Forgot your password?" about="You get a link to set a new one.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          ask.mutate()
        }}
      >
        <Field label="E-mail">
          {(wiring) => <Input {...wiring} type="email" autoComplete="username" required autoFocus value={email} onChange={(change) => setEmail(change.target.value)} />}
        </Field>
        {ask.error !== null && <ErrorBox error={ask.error} doing="ask for a link" />}
        <Button look="main" type="submit" isPending={ask.isPending} className="h-9">
          Send a link
        </Button>
        {back}
      </form>
    </Frame>
  )
}
