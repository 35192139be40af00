// What the panel asks the API about nodes.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { all, api, ok } from '../api/client'
import type { Isolation, Node } from '../api/types'

export const nodesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ['nodes', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/nodes', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '',
  })

export const nodeQuery = (id: string) =>
  queryOptions({ queryKey: ['node', id], queryFn: ({ signal }) => ok(api.GET('/api/v1/nodes/{node}', { params: { path: { node: id } }, signal })) })

export function useNodeUpdate(node: Node) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: { name?: string; is_draining?: boolean; min_isolation?: Isolation }) => ok(api.PATCH('/api/v1/nodes/{node}', { params: { path: { node: node.id } }, body })),
    onSuccess: (fresh) => {
      client.setQueryData(['node', fresh.id], fresh)
      void client.invalidateQueries({ queryKey: ['nodes'] })
    },
  })
}

export function useNodeDelete(node: Node) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/nodes/{node}', { params: { path: { node: node.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['nodes'] }),
  })
}

/** Forgets a node that is lost, and everything that was on it. */
export function useNodeForget(node: Node) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => ok(api.POST('/api/v1/nodes/{node}/forget', { params: { path: { node: node.id } }, body: { confirm: node.name } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['workloads'] })
    },
  })
}

export function useJoinToken(workspace: string) {
  return useMutation({
    mutationFn: () => ok(api.POST('/api/v1/workspaces/{workspace}/join-tokens', { params: { path: { workspace } }, body: {} })),
  })
}
