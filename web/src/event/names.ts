// Names for the ids in events, from what the panel already holds.

import { useQuery } from '@tanstack/react-query'
import type { LinkProps } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Event } from '../api/types'
import { jobTitle } from '../job/words'
import { jobsQuery } from '../job/api'
import { nodesQuery } from '../node/api'
import { useMe, useWorkspace } from '../session/me'
import { workloadsQuery } from '../workload/api'
import { sentence, subject, topic } from './sentence'

export interface Thing {
  name: string
  link?: LinkProps
}

/** Says the name of what an event is about, and where its page is while it exists. */
export function useNames(events: Event[] | undefined): (event: Event) => Thing {
  const { workspace } = useWorkspace()
  const me = useMe()
  const workloads = useQuery(workloadsQuery(workspace)).data?.items
  const nodes = useQuery(nodesQuery(workspace)).data?.items
  const jobs = useQuery(jobsQuery(workspace)).data?.items
  return useMemo(() => {
    const names = new Map<string, Thing>()
    // A deleted thing's name is in its own last event.
    for (const event of events ?? []) {
      const { name } = sentence(event)
      if (name !== undefined) names.set(subject(event), { name })
    }
    for (const workload of workloads ?? []) names.set(workload.id, { name: workload.name, link: { to: '/workloads/$workload', params: { workload: workload.id } } })
    for (const node of nodes ?? []) names.set(node.id, { name: node.name, link: { to: '/nodes/$node', params: { node: node.id } } })
    for (const job of jobs ?? []) {
      const on = names.get(job.target)?.name
      names.set(job.id, { name: `${jobTitle(job.kind)}${on === undefined ? '' : ` ${on}`}`, link: { to: '/jobs/$job', params: { job: job.id } } })
    }
    names.set(me.user.id, { name: me.user.name })
    for (const membership of me.memberships) names.set(membership.workspace, { name: membership.name })
    return (event: Event) => names.get(subject(event)) ?? { name: fallback(event) }
  }, [events, workloads, nodes, jobs, me])
}

/** The name behind an id, for what still exists. */
export function useIdName(): (id: string) => string | undefined {
  const { workspace } = useWorkspace()
  const me = useMe()
  const workloads = useQuery(workloadsQuery(workspace)).data?.items
  const nodes = useQuery(nodesQuery(workspace)).data?.items
  return (id) =>
    workloads?.find((w) => w.id === id)?.name ??
    nodes?.find((n) => n.id === id)?.name ??
    me.memberships.find((m) => m.workspace === id)?.name ??
    (me.user.id === id ? me.user.name : undefined)
}

function fallback(event: Event): string {
  const words: Record<string, string> = { workload: 'A deleted server', node: 'A removed node', job: 'A job', user: 'Somebody', member: 'Somebody', key: 'Somebody', workspace: 'A workspace' }
  return words[topic(event)] ?? subject(event)
}
