// Choosing servers and nodes: for a team that reaches only these, or for a key.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { all, api, ok } from '../api/client'
import { ErrorBox } from '../kit/error'
import { Checkbox, SearchInput } from '../kit/field'
import { Skeleton } from '../kit/skeleton'
import { useWorkspace } from '../session/me'

/** Servers and nodes to choose from. What is not to be seen here stays as it was, and with `withUnseen` can be let go. */
export function Things({ only, onOnly, error, withUnseen }: { only: readonly string[]; onOnly: (only: string[]) => void; error: string | undefined; withUnseen?: boolean }) {
  const { workspace } = useWorkspace()
  const [search, setSearch] = useState('')
  const [before] = useState(only)
  const params = { path: { workspace } }
  const found = useQuery({
    queryKey: ['things', workspace],
    queryFn: async ({ signal }) => {
      const [workloads, nodes] = await Promise.all([
        all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/workloads', { params: { ...params, query }, signal }))),
        all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/nodes', { params: { ...params, query }, signal }))),
      ])
      // What the platform shares is nobody's to give.
      const own = nodes.items.filter((node) => node.workspace === workspace)
      return [...workloads.items.map(({ id, name }) => ({ id, name, noun: 'server' })), ...own.map(({ id, name }) => ({ id, name: String(name), noun: 'node' }))]
    },
  })
  const unseen = withUnseen === true && found.data !== undefined ? before.filter((id) => !found.data.some((thing) => thing.id === id)) : []
  const shown = found.data?.concat(unseen.map((id) => ({ id, name: id, noun: 'not seen here' }))).filter((thing) => thing.name.toLowerCase().includes(search.toLowerCase()))
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1.5 text-13 font-medium">Servers and nodes{only.length > 0 && <span className="font-normal text-ink-3"> · {only.length} chosen</span>}</legend>
      {found.data !== undefined && found.data.length > 8 && <SearchInput label="Search by name" value={search} onValue={setSearch} />}
      {error !== undefined && (
        <p role="alert" className="text-12 text-failed">
          {error}
        </p>
      )}
      {found.error !== null && <ErrorBox error={found.error} doing="read the servers and nodes" onRetry={() => void found.refetch()} />}
      {found.isPending && <Skeleton className="h-24 w-full" />}
      {shown !== undefined && (
        <ul className="max-h-48 divide-y divide-line overflow-y-auto rounded border border-line">
          {shown.length === 0 && <li className="px-3 py-2 text-13 text-ink-3">Nothing here yet.</li>}
          {shown.map((thing) => (
            <li key={thing.id} className="flex min-h-9 items-center gap-3 px-3">
              <Checkbox
                id={`thing-${thing.id}`}
                label={`${thing.name}, ${thing.noun}`}
                isChecked={only.includes(thing.id)}
                onChange={(isOn) => onOnly(isOn ? [...only, thing.id] : only.filter((id) => id !== thing.id))}
              />
              <label htmlFor={`thing-${thing.id}`} className="min-w-0 flex-1 truncate text-13">
                {thing.name}
              </label>
              <span className="text-12 text-ink-3">{thing.noun}</span>
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  )
}
