import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api, ok } from '../api/client'
import { notifyError } from '../kit/notice'
import { startLive, stopLive } from '../live'
import { forgetRecent } from './recent'

/** Ends the session here and on the server, and forgets everything that was read with it. */
export function useSignOut(): () => void {
  const client = useQueryClient()
  const navigate = useNavigate()
  return () => {
    // Before the session ends: what is asked with it afterwards is refused.
    stopLive()
    ok(api.POST('/api/v1/auth/logout')).then(
      async () => {
        forgetRecent()
        await navigate({ to: '/sign-in' })
        client.clear()
      },
      (error: unknown) => {
        startLive(client)
        notifyError('sign out', error)
      },
    )
  }
}
