// Who is signed in, and the workspace that the pages show.

import { type QueryClient, queryOptions, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { api, ok } from '../api/client'
import type { Capability, Me, Membership } from '../api/types'
import { allows } from './rights'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => ok(api.GET('/api/v1/users/me', { signal })),
  staleTime: Infinity,
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => ok(api.GET('/api/v1/setup/status', { signal })),
  staleTime: Infinity,
})

/** Me; only on pages that need a session. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data
}

/** A workspace that is gone for me, as the server has just said: from now on no page asks for it. */
export function loseWorkspace(client: QueryClient, workspace: string): void {
  // An answer that is under way may be older than the loss.
  void client.cancelQueries({ queryKey: meQuery.queryKey }, { revert: false })
  client.setQueryData(meQuery.queryKey, (me) => me && { ...me, memberships: me.memberships.filter((each) => each.workspace !== workspace) })
  void client.invalidateQueries({ queryKey: meQuery.queryKey })
}

/** Which version runs; empty until known. */
export function useVersion(): string {
  return useQuery(setupQuery).data?.version ?? ''
}

const KEY = 'ostler.workspace'
let chosen = read()
const listeners = new Set<() => void>()

function read(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}

/** Shows another workspace from now on, here and at the next visit. */
export function chooseWorkspace(id: string): void {
  chosen = id
  try {
    localStorage.setItem(KEY, id)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  for (const tell of listeners) tell()
}

const NONE: Membership = { workspace: '', slug: '', name: 'No workspace', role: null, archived_at: null, capabilities: [] }

/** The one that I have been in for longest: ids sort by time. A workspace that is new shall not take the page over. */
export function oldest(memberships: readonly Membership[]): Membership | undefined {
  return memberships.reduce<Membership | undefined>((first, each) => (first === undefined || each.workspace < first.workspace ? each : first), undefined)
}

/** The workspace chosen in this browser, else the one that I always mean, else my oldest one. */
export function useWorkspace(): Membership {
  const me = useMe()
  const id = useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => chosen,
  )
  const by = (wanted: string | null | undefined) => me.memberships.find((m) => m.workspace === wanted)
  return by(id) ?? by(me.default_workspace) ?? oldest(me.memberships) ?? NONE
}

/** What I hold in the chosen workspace, whatever state it is in. */
export function useHeld(): readonly Capability[] {
  return useWorkspace().capabilities
}

/** Whether I may do something in the chosen workspace, or there on the thing with this id. The server decides; this only hides what it would refuse. */
export function useCan(): (capability: Capability, id?: string) => boolean {
  const { capabilities, on, archived_at } = useWorkspace()
  const held = (capability: Capability, id?: string) =>
    allows(capabilities, capability) || (id !== undefined && on?.some((thing) => thing.id === id && allows(thing.capabilities, capability)) === true)
  // Nothing in an archived workspace can be changed, whoever asks.
  return (capability, id) => (archived_at == null || capability.endsWith(':read')) && held(capability, id)
}
