import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Listing } from './api/client'
import type { Event, Job, Workload } from './api/types'
import { Applier, putWorkload, setWorkloadFetch } from './live'

const workload = (id: string, state: Workload['state']) => ({ id, workspace: 'ws_1', name: id, state, since: '2026-01-01T00:00:00Z', reason: null }) as unknown as Workload
const fact = (of: object) => ({ seq: 1, at: '2026-02-02T00:00:00Z', workspace: 'ws_1', actor: 'reconcile', ...of }) as Event

let client: QueryClient
const list = () => client.getQueryData<Listing<Workload>>(['workloads', 'ws_1'])?.items ?? []

beforeEach(() => {
  vi.useFakeTimers()
  client = new QueryClient()
  client.setQueryData<Listing<Workload>>(['workloads', 'ws_1'], { items: [workload('wl_1', 'starting'), workload('wl_2', 'running')], isCut: false })
})

describe('what an event means for what is held', () => {
  it('an observed state shows at once in list and page, with since when', () => {
    client.setQueryData(['workload', 'wl_1'], workload('wl_1', 'starting'))
    new Applier(client).event(fact({ type: 'workload.observed', id: 'wl_1', generation: 1, state: 'running' }))
    expect(list().map((w) => w.state)).toEqual(['running', 'running'])
    expect(list()[0]?.since).toBe('2026-02-02T00:00:00Z')
    expect(client.getQueryData<Workload>(['workload', 'wl_1'])?.state).toBe('running')
  })

  it('the same state again does not begin its age anew', () => {
    new Applier(client).event(fact({ type: 'workload.observed', id: 'wl_2', generation: 1, state: 'running' }))
    expect(list()[1]?.since).toBe('2026-01-01T00:00:00Z')
  })

  it('a burst about one thing is one request', async () => {
    const fetch = vi.fn(async (id: string) => workload(id, 'running'))
    setWorkloadFetch(fetch)
    const applier = new Applier(client)
    for (let i = 0; i < 50; i++) applier.event(fact({ type: 'workload.observed', id: 'wl_1', generation: i, state: 'starting' }))
    await vi.runAllTimersAsync()
    expect(fetch.mock.calls).toEqual([['wl_1']])
    expect(list()[0]?.state).toBe('running')
  })

  it('a burst about many things reads the list once and none of them alone', async () => {
    const fetch = vi.fn(async (id: string) => workload(id, 'running'))
    setWorkloadFetch(fetch)
    const invalidate = vi.spyOn(client, 'invalidateQueries')
    const applier = new Applier(client)
    for (let i = 0; i < 100; i++) applier.event(fact({ type: 'workload.desired', id: `wl_${i}`, generation: 2 }))
    await vi.runAllTimersAsync()
    expect(fetch).not.toHaveBeenCalled()
    expect(invalidate.mock.calls.filter(([filter]) => filter?.queryKey?.[0] === 'workloads')).toHaveLength(1)
  })

  it('what was deleted leaves the list at once', () => {
    new Applier(client).event(fact({ type: 'workload.deleted', id: 'wl_1', name: 'wl_1' }))
    expect(list().map((w) => w.id)).toEqual(['wl_2'])
  })

  it('a node that goes away makes the states of what runs there be read again', async () => {
    const invalidate = vi.spyOn(client, 'invalidateQueries')
    new Applier(client).event(fact({ type: 'node.offline', id: 'nd_1' }))
    await vi.runAllTimersAsync()
    const keys = invalidate.mock.calls.map(([filter]) => JSON.stringify(filter?.queryKey))
    expect(keys).toEqual(expect.arrayContaining(['["workloads"]', '["nodes"]', '["node","nd_1"]']))
  })

  it('a job’s progress shows in the list', () => {
    client.setQueryData<Listing<Job>>(['jobs', 'ws_1'], { items: [{ id: 'job_1', state: 'queued', progress: 0 } as Job], isCut: false })
    new Applier(client).event(fact({ type: 'job.changed', id: 'job_1', state: 'running', step: 'install', progress: 33 }))
    expect(client.getQueryData<Listing<Job>>(['jobs', 'ws_1'])?.items[0]).toMatchObject({ state: 'running', progress: 33 })
  })

  it('a new workload is put on top, a known one where it is', () => {
    putWorkload(client, workload('wl_3', 'pending'))
    putWorkload(client, workload('wl_2', 'stopped'))
    expect(list().map((w) => `${w.id} ${w.state}`)).toEqual(['wl_3 pending', 'wl_1 starting', 'wl_2 stopped'])
  })

  it('somebody who was removed from a workspace does not ask for it again, whatever made the panel look', async () => {
    let memberships = [{ workspace: 'ws_1' }, { workspace: 'ws_2' }]
    const me = vi.fn(async () => ({ memberships }))
    const asked = vi.fn(async (_: unknown) => [])
    const watch = (queryKey: readonly unknown[], queryFn: () => Promise<unknown>) => new QueryObserver(client, { queryKey, queryFn, staleTime: Infinity }).subscribe(() => {})
    watch(['me'], me)
    for (const key of [['members', 'ws_1'], ['members', 'ws_2'], ['keys', 'mine']]) watch(key, () => asked(key))
    await vi.runAllTimersAsync()
    asked.mockClear()
    memberships = [{ workspace: 'ws_2' }]
    const applier = new Applier(client)
    for (const look of [() => applier.everything(), () => applier.event(fact({ type: 'member.changed', user: 'usr_1' }))]) {
      look()
      await vi.runAllTimersAsync()
      expect(asked.mock.calls.map(([key]) => key)).toContainEqual(['members', 'ws_2'])
      expect(asked.mock.calls.map(([key]) => key)).not.toContainEqual(['members', 'ws_1'])
      asked.mockClear()
    }
    expect(me).toHaveBeenCalledTimes(3)
  })
})
