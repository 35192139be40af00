// Does mail leave? Asks the mail server, and sends a mail to oneself.

import { useMutation } from '@tanstack/react-query'
import { Send } from 'lucide-react'
import { api, ok } from '../api/client'
import { Button } from '../kit/button'
import { notify, notifyError } from '../kit/notice'
import { useMe } from '../session/me'

export function MailCheck() {
  const { user } = useMe()
  const check = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/platform-settings/validate/smtp', { body: { values: {}, to: user.email } })),
    onSuccess: (found) => (found.is_good ? notify(found.says) : notifyError('send a mail', new Error(found.says))),
    onError: (error) => notifyError('send a mail', error),
  })
  return (
    <Button small icon={Send} isPending={check.isPending} onClick={() => check.mutate()}>
      Send yourself a mail
    </Button>
  )
}
