// A workspace at rest: the bar that says why nothing can be changed, and the way back.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Archive } from 'lucide-react'
import { api, ok } from '../api/client'
import { Button } from '../kit/button'
import { notify, notifyError } from '../kit/notice'
import { For } from '../kit/time'
import { useHeld, useWorkspace } from '../session/me'
import { allows } from '../session/rights'

/** Everything shown depends on whether its workspace is open. */
export function useRestore() {
  const client = useQueryClient()
  const { workspace, name } = useWorkspace()
  return useMutation({
    mutationFn: () => ok(api.POST('/api/v1/workspaces/{workspace}/restore', { params: { path: { workspace } } })),
    onSuccess: async () => {
      await client.invalidateQueries()
      notify(`${name} is open again.`)
    },
    onError: (error) => notifyError(`restore ${name}`, error),
  })
}

/** Stands above every page while the chosen workspace is archived. */
export function ArchivedBar() {
  const { name, archived_at } = useWorkspace()
  const held = useHeld()
  const restore = useRestore()
  if (archived_at == null) return null
  return (
    <div role="status" className="fade flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-degraded-soft px-4 py-1.5 text-13 sm:px-6">
      <Archive size={14} aria-hidden className="shrink-0 text-degraded" />
      <span className="min-w-0 flex-1">
        {name} has been archived for <For since={archived_at} />. You can look at everything, and nothing in it can be changed.
      </span>
      {allows(held, 'workspace:write') && (
        <Button small onClick={() => restore.mutate()} isPending={restore.isPending}>
          Restore
        </Button>
      )}
    </div>
  )
}
