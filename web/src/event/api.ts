// Events: the newest ones by request, what follows by the stream.

import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, ok } from '../api/client'
import type { Event } from '../api/types'
import { onEvent } from '../live'
import { subject as subjectOf } from './sentence'

/** The newest events of a workspace, newest first. */
export const eventsQuery = (workspace: string, about?: string) =>
  queryOptions({
    queryKey: ['events', workspace, about ?? 'all'],
    queryFn: ({ signal }) =>
      ok(api.GET('/api/v1/workspaces/{workspace}/events', { params: { path: { workspace }, query: { limit: 200, ...(about === undefined ? {} : { subject: about }) } }, signal })),
    enabled: workspace !== '',
  })

/** Newest first, each once. */
export function merge(held: Event[], fresh: Event[]): Event[] {
  const all = new Map<number, Event>()
  for (const event of [...held, ...fresh]) all.set(event.seq, event)
  return [...all.values()].sort((a, b) => b.seq - a.seq)
}

const MOST = 1000

/** Events, live: what was read, and on top what came since. */
export function useEvents(workspace: string, about?: string): { events: Event[] | undefined; error: unknown; retry: () => void } {
  const query = useQuery(eventsQuery(workspace, about))
  const [fresh, setFresh] = useState<Event[]>([])
  useEffect(() => {
    setFresh([])
    return onEvent((event) => {
      if (event.workspace !== null && event.workspace !== workspace) return
      if (about !== undefined && subjectOf(event) !== about) return
      setFresh((old) => merge(old, [event]).slice(0, MOST))
    })
  }, [workspace, about])
  const read = query.data?.items
  const events = read === undefined ? undefined : merge(read, fresh).filter((event) => about === undefined || subjectOf(event) === about)
  return { events, error: query.error, retry: () => void query.refetch() }
}
