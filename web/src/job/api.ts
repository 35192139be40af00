// What the panel asks the API about jobs.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, ok } from '../api/client'
import type { Job } from '../api/types'

/** The newest jobs. */
export const jobsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ['jobs', workspace],
    queryFn: async ({ signal }) => {
      const page = await ok(api.GET('/api/v1/workspaces/{workspace}/jobs', { params: { path: { workspace }, query: { limit: 200 } }, signal }))
      return { items: page.items, isCut: page.next_cursor !== null }
    },
    enabled: workspace !== '',
  })

export const jobQuery = (id: string) =>
  queryOptions({ queryKey: ['job', id], queryFn: ({ signal }) => ok(api.GET('/api/v1/jobs/{job}', { params: { path: { job: id } }, signal })) })

export function useCancel() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => ok(api.POST('/api/v1/jobs/{job}/cancel', { params: { path: { job: id } } })),
    onSettled: (_data, _error, id) => {
      void client.invalidateQueries({ queryKey: ['job', id] })
      void client.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
}

export const isOver = (job: Pick<Job, 'state'>): boolean => ['succeeded', 'failed', 'cancelled'].includes(job.state)
