// Where one is signed in, and ending that.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { LogOut, Monitor, Smartphone, Terminal } from 'lucide-react'
import { api, ok } from '../api/client'
import type { Session } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { many } from '../kit/format'
import { notify, notifyError } from '../kit/notice'
import { Skeleton } from '../kit/skeleton'
import { Ago } from '../kit/time'
import { Card, Section } from '../shell/header'
import { sessionsQuery } from './api'
import { deviceName } from './device-name'
import { Row } from './row'

export function Devices() {
  const client = useQueryClient()
  const list = useQuery(sessionsQuery)
  const sessions = list.data?.items
  const others = sessions?.filter((session) => !session.is_current).length ?? 0
  const fresh = () => client.invalidateQueries({ queryKey: ['sessions'] })
  const end = useMutation({
    mutationFn: (session: Session) => ok(api.DELETE('/api/v1/auth/sessions/{session}', { params: { path: { session: session.id } } })),
    onSuccess: fresh,
    onError: (error) => notifyError('sign that device out', error),
  })
  const endAll = useMutation({
    // One by one: ending all at once would end this one, too.
    mutationFn: async () => {
      for (const session of sessions?.filter((each) => !each.is_current) ?? []) {
        await ok(api.DELETE('/api/v1/auth/sessions/{session}', { params: { path: { session: session.id } } }))
      }
    },
    onSuccess: () => notify(`${many(others, 'device')} signed out.`),
    onError: (error) => notifyError('sign the other devices out', error),
    onSettled: fresh,
  })
  return (
    <Section
      title="Devices"
      about="Where you are signed in. Signing one out ends everything it has open within a second."
      action={
        others > 0 && (
          <Button small icon={LogOut} isPending={endAll.isPending} onClick={() => endAll.mutate()}>
            Sign all others out
          </Button>
        )
      }
    >
      {list.error !== null && sessions === undefined && <ErrorBox error={list.error} doing="read your sessions" onRetry={() => void list.refetch()} />}
      <Card className="divide-y divide-line">
        {sessions === undefined && list.error === null && <Row icon={Monitor} title={<Skeleton className="h-3 w-40" />} about={<Skeleton className="mt-2 h-3 w-24" />} />}
        {sessions?.map((session) => {
          const name = deviceName(session)
          return (
            <Row
              key={session.id}
              icon={session.kind === 'token' ? Terminal : /Android|iOS/.test(name) ? Smartphone : Monitor}
              title={<span title={session.user_agent ?? undefined}>{name}</span>}
              about={
                <>
                  {session.is_current ? 'This device' : <>Seen <Ago at={session.seen_at} /></>}
                  {session.address != null && ` · ${session.address}`}, since <Ago at={session.created_at} />
                </>
              }
              action={!session.is_current && <IconButton icon={LogOut} label={`Sign out ${name}`} isPending={end.isPending && end.variables.id === session.id} onClick={() => end.mutate(session)} />}
            />
          )
        })}
      </Card>
    </Section>
  )
}
