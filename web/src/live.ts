// Live data: one event stream per page, and what each event means for what the page holds.
//
// Lists are patched in place, things are fetched again when something about them changed, and after a gap everything is.
// Nothing here polls.

import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { Listing } from './api/client'
import type { Event, Job, Me, Workload } from './api/types'
import { followForever } from './sse'

export interface LiveState {
  status: 'off' | 'connecting' | 'live' | 'lost'
  /** Since when the stream is lost. */
  since: number | undefined
}

let state: LiveState = { status: 'off', since: undefined }
const listeners = new Set<() => void>()
const eventListeners = new Set<(event: Event) => void>()

function set(next: LiveState): void {
  state = next
  document.documentElement.dataset.stream = next.status
  for (const tell of listeners) tell()
}

/** Whether the stream is up, and since when not. */
export function useLive(): LiveState {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => state,
  )
}

/** Calls `then` for each event, until the returned function is called. */
export function onEvent(then: (event: Event) => void): () => void {
  eventListeners.add(then)
  return () => eventListeners.delete(then)
}

/** A loss shorter than this is not worth a word: a reconnect after a server restart takes about as long. */
const QUIET_MS = 1500
const SILENCE_MS = 45_000
const SETTLE_MS = 1000

let running: AbortController | undefined
let lastId: string | undefined

/** Starts to follow events for this session; does nothing when it already does. */
export function startLive(client: QueryClient): void {
  if (running !== undefined) return
  const control = new AbortController()
  running = control
  const apply = new Applier(client)
  let lostAt: number | undefined
  let quiet: ReturnType<typeof setTimeout> | undefined
  let hasBeenLive = false
  set({ status: 'connecting', since: undefined })
  void followForever({
    url: '/api/v1/events/stream',
    signal: control.signal,
    silenceMs: SILENCE_MS,
    resume: () => lastId,
    onOpen: () => {
      clearTimeout(quiet)
      // Between the last look and this stream something may have changed that no event will tell again.
      // The first lists were asked for at the same moment: what changed between them and the stream shows a little later.
      if (hasBeenLive && lostAt !== undefined) apply.everything()
      else if (!hasBeenLive) setTimeout(() => apply.everything(), SETTLE_MS)
      hasBeenLive = true
      lostAt = undefined
      set({ status: 'live', since: undefined })
    },
    onId: (id) => {
      lastId = id
    },
    onMessage: (message) => {
      if (message.event === 'reset' || message.event === 'lagged') {
        apply.everything()
        return
      }
      const event = read(message.data)
      if (event === undefined) return
      apply.event(event)
      for (const tell of eventListeners) tell(event)
    },
    onLost: () => {
      if (control.signal.aborted || lostAt !== undefined) return
      const at = Date.now()
      lostAt = at
      quiet = setTimeout(() => set({ status: 'lost', since: at }), QUIET_MS)
    },
  })
}

/** Stops following: on sign-out. */
export function stopLive(): void {
  running?.abort()
  running = undefined
  lastId = undefined
  set({ status: 'off', since: undefined })
}

function read(data: string): Event | undefined {
  try {
    const value = JSON.parse(data) as Event
    return typeof value === 'object' && value !== null && 'type' in value ? value : undefined
  } catch {
    return undefined
  }
}

/** Above this many things at once a whole list is cheaper than each of its rows. */
const MANY = 24

const FIXED = new Set(['setup', 'templates', 'template', 'openapi', 'audit', 'titles', 'archive'])

/** What each event means for the caches. */
export class Applier {
  private pending = new Set<string>()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private client: QueryClient) {}

  everything(): void {
    // What was asked for already is asked for once, and what cannot change is left alone.
    void this.meFirst({ cancelRefetch: false }).then(() =>
      this.client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'me' && !FIXED.has(String(query.queryKey[0])) && this.isMine(query.queryKey) }, { cancelRefetch: false }),
    )
  }

  /** Who I am decides what there is to ask for: somebody who was just removed from a workspace must not ask for it again. */
  private meFirst(how?: { cancelRefetch: boolean }): Promise<void> {
    return this.client.invalidateQueries({ queryKey: ['me'] }, how)
  }

  /** Whether a question is about no workspace, or about one that I still see. */
  private isMine(key: QueryKey): boolean {
    const me = this.client.getQueryData<Me>(['me'])
    const workspace = key.find((part) => typeof part === 'string' && part.startsWith('ws_'))
    return me === undefined || workspace === undefined || me.memberships.some((each) => each.workspace === workspace)
  }

  event(event: Event): void {
    const type = event.type
    if (type === 'workload.observed') {
      this.patchWorkload(event.id, event.at, event.state, event.reason ?? null)
      this.soon(`workload ${event.id}`)
    } else if (type === 'workload.created' || type === 'workload.desired') {
      this.soon(`workload ${event.id}`)
    } else if (type === 'workload.deleted') {
      this.drop('workloads', event.id)
    } else if (type === 'node.deleted') {
      this.drop('nodes', event.id)
      this.soon('nodes')
    } else if (type === 'job.changed') {
      this.patchJob(event.id, event.state, event.progress)
      this.soon(`job ${event.id}`)
    } else if (type.startsWith('node.')) {
      if ('id' in event) this.soon(`node ${event.id}`)
      this.soon('nodes')
      // The state of what runs there depends on whether it answers.
      if (type !== 'node.changed') this.soon('workloads')
    } else if (type === 'match.changed') {
      this.soon(`match ${event.id}`)
      this.soon('matches')
    } else if (type === 'bot.changed') {
      this.soon('bots')
    } else if (type === 'key.changed') {
      this.soon('keys')
    } else if (type === 'role.changed' || type === 'team.changed' || type === 'member.changed') {
      for (const what of ['me', 'members', 'roles', 'teams', 'team']) this.soon(what)
    } else {
      this.soon('me')
    }
  }

  private patchWorkload(id: string, at: string, to: string, reason: string | null): void {
    const patch = (w: Workload): Workload =>
      w.id !== id ? w : { ...w, state: to as Workload['state'], reason, since: w.state === to ? w.since : at }
    this.client.setQueriesData<Listing<Workload>>({ queryKey: ['workloads'] }, (list) =>
      list === undefined ? list : { ...list, items: list.items.map(patch) },
    )
    this.client.setQueryData<Workload>(['workload', id], (w) => (w === undefined ? w : patch(w)))
  }

  private patchJob(id: string, to: string, progress: number): void {
    const patch = (job: Job): Job => (job.id !== id ? job : { ...job, state: to as Job['state'], progress })
    this.client.setQueriesData<Listing<Job>>({ queryKey: ['jobs'] }, (list) =>
      list === undefined ? list : { ...list, items: list.items.map(patch) },
    )
  }

  private drop(kind: 'workloads' | 'nodes', id: string): void {
    this.client.setQueriesData<Listing<{ id: string }>>({ queryKey: [kind] }, (list) =>
      list === undefined ? list : { ...list, items: list.items.filter((item) => item.id !== id) },
    )
    void this.client.invalidateQueries({ queryKey: [kind.slice(0, -1), id] })
  }

  /** Collects what to fetch again, so that a burst of events costs one request per thing. */
  private soon(what: string): void {
    this.pending.add(what)
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      const all = [...this.pending]
      this.pending.clear()
      void this.fetch(all)
    }, 120)
  }

  private async fetch(all: string[]): Promise<void> {
    if (all.includes('me')) await this.meFirst()
    const workloads = all.filter((w) => w.startsWith('workload ')).map((w) => w.slice(9))
    const isWhole = all.includes('workloads') || workloads.length > MANY
    if (isWhole) void this.client.invalidateQueries({ queryKey: ['workloads'] })
    for (const id of workloads) {
      if (isWhole) void this.client.invalidateQueries({ queryKey: ['workload', id] })
      else refreshOne(this.client, id)
    }
    for (const what of all) {
      const [kind, id] = what.split(' ')
      if (kind === 'workload' || kind === 'workloads' || kind === 'me') continue
      void this.client.invalidateQueries({ queryKey: id === undefined ? [kind] : [kind, id], predicate: (query) => this.isMine(query.queryKey) })
      if (kind === 'job') void this.client.invalidateQueries({ queryKey: ['jobs'] })
    }
  }
}

type Fetch = (id: string) => Promise<Workload>
let fetchWorkload: Fetch | undefined

/** How one workload is fetched; set by its own room, so that this one knows no routes. */
export function setWorkloadFetch(fetch: Fetch): void {
  fetchWorkload = fetch
}

/** Fetches one workload and puts it into every list that is held. */
function refreshOne(client: QueryClient, id: string): void {
  if (fetchWorkload === undefined) return
  fetchWorkload(id).then(
    (fresh) => putWorkload(client, fresh),
    () => client.invalidateQueries({ queryKey: ['workload', id] }),
  )
}

/** Puts a workload that was just read into the caches. */
export function putWorkload(client: QueryClient, fresh: Workload): void {
  client.setQueryData<Workload>(['workload', fresh.id], fresh)
  client.setQueriesData<Listing<Workload>>({ queryKey: ['workloads', fresh.workspace] }, (list) => {
    if (list === undefined) return list
    const isThere = list.items.some((w) => w.id === fresh.id)
    const items = isThere ? list.items.map((w) => (w.id === fresh.id ? fresh : w)) : [fresh, ...list.items]
    return { ...list, items }
  })
}
