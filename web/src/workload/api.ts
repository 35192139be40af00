// What the panel asks the API about workloads, and what it keeps of the answers.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { all, api, ok } from '../api/client'
import type { Template, Workload, WorkloadCreate, WorkloadUpdate } from '../api/types'
import { type ObjectSchema, objectSchema } from '../kit/schema'
import { putWorkload, setWorkloadFetch } from '../live'

export const workloadsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ['workloads', workspace],
    queryFn: ({ signal }) =>
      all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/workloads', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '',
  })

export const getWorkload = (id: string, signal?: AbortSignal): Promise<Workload> =>
  ok(api.GET('/api/v1/workloads/{workload}', { params: { path: { workload: id } }, signal }))

setWorkloadFetch((id) => getWorkload(id))

export const workloadQuery = (id: string) =>
  queryOptions({ queryKey: ['workload', id], queryFn: ({ signal }) => getWorkload(id, signal) })

export const templatesQuery = queryOptions({
  queryKey: ['templates'],
  queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/templates', { params: { query }, signal }))),
  staleTime: Infinity,
})

export const templateQuery = (name: string) =>
  queryOptions({
    queryKey: ['template', name],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/templates/{template}', { params: { path: { template: name } }, signal })),
    staleTime: Infinity,
  })

/** The schema of a template's variables, in the template's order. */
export function variablesOf(view: Template): ObjectSchema {
  return objectSchema(view.variables_schema, (view.template.variables ?? []).map((variable) => variable.name))
}

export type PowerVerb = 'start' | 'stop' | 'restart' | 'kill'

const POWER: Record<PowerVerb, (workload: string) => Promise<unknown>> = {
  start: (workload) => ok(api.POST('/api/v1/workloads/{workload}/start', { params: { path: { workload } } })),
  stop: (workload) => ok(api.POST('/api/v1/workloads/{workload}/stop', { params: { path: { workload } } })),
  restart: (workload) => ok(api.POST('/api/v1/workloads/{workload}/restart', { params: { path: { workload } } })),
  kill: (workload) => ok(api.POST('/api/v1/workloads/{workload}/kill', { params: { path: { workload } } })),
}

/** What is shown from the click until the node reports. */
const ASKED: Record<PowerVerb, Workload['state']> = { start: 'starting', stop: 'stopping', restart: 'stopping', kill: 'stopping' }

/** Start, stop, restart or kill. Shows its effect at once, and takes it back when the server refuses. */
export function usePower() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ workload, verb }: { workload: Workload; verb: PowerVerb }) => POWER[verb](workload.id),
    onMutate: ({ workload, verb }) => {
      const asked: Workload = { ...workload, state: ASKED[verb], reason: 'asked, not confirmed by its node yet', since: new Date().toISOString() }
      putWorkload(client, asked)
    },
    onError: (_error, { workload }) => {
      putWorkload(client, workload)
      void client.invalidateQueries({ queryKey: ['workload', workload.id] })
    },
  })
}

export function useCreate(workspace: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: WorkloadCreate) => ok(api.POST('/api/v1/workspaces/{workspace}/workloads', { params: { path: { workspace } }, body })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['workloads', workspace] })
      void client.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
}

export function useUpdate(workload: Workload) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ restart = false, ...body }: WorkloadUpdate) => ok(api.PATCH('/api/v1/workloads/{workload}', { params: { path: { workload: workload.id } }, body: { ...body, restart } })),
    onSuccess: (fresh) => putWorkload(client, fresh),
  })
}

export function useDelete() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (workload: Workload) => ok(api.DELETE('/api/v1/workloads/{workload}', { params: { path: { workload: workload.id } } })),
    onSuccess: (_, workload) => {
      putWorkload(client, { ...workload, state: 'deleting', reason: null, since: new Date().toISOString() })
      void client.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
}

/** Forgets a server whose machine is lost. */
export function useForget() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (workload: Workload) => ok(api.POST('/api/v1/workloads/{workload}/forget', { params: { path: { workload: workload.id } }, body: { confirm: workload.name } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
}
