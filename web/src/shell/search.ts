// Asking the server while somebody types: after a short rest, and never showing an answer to an older question.

import { queryOptions, useQuery } from '@tanstack/react-query'
import { Activity, Boxes, Building2, FileBox, Gamepad2, KeyRound, type LucideIcon, User, Users, UsersRound } from 'lucide-react'
import { useEffect, useState } from 'react'
import { api, ok } from '../api/client'
import { type ApiError, asError } from '../api/error'
import type { SearchHit } from '../api/types'

/** Shorter than a pause in typing is felt, longer than between two keys. */
const REST = 120
const MOST = 30
/** Pages that are read in vain at most: each has looked at hundreds of entries. */
const PAGES = 12

/** The kinds in the order of the palette, under the names of the rail. */
export const KINDS: { kind: SearchHit['kind']; label: string; icon: LucideIcon }[] = [
  { kind: 'workload', label: 'Servers', icon: Gamepad2 },
  { kind: 'node', label: 'Nodes', icon: Boxes },
  { kind: 'template', label: 'Templates', icon: FileBox },
  { kind: 'member', label: 'Members', icon: Users },
  { kind: 'team', label: 'Teams', icon: UsersRound },
  { kind: 'user', label: 'People', icon: User },
  { kind: 'workspace', label: 'Workspaces', icon: Building2 },
  { kind: 'key', label: 'API keys', icon: KeyRound },
  { kind: 'event', label: 'Activity', icon: Activity },
]

const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ['search', text],
    queryFn: async ({ signal }) => {
      const hits: SearchHit[] = []
      let cursor: string | undefined
      for (let page = 0; page < PAGES; page += 1) {
        const query = { q: text, limit: MOST, ...(cursor === undefined ? {} : { cursor }) }
        const got = await ok(api.GET('/api/v1/search', { params: { query }, signal }))
        hits.push(...got.items)
        cursor = got.next_cursor ?? undefined
        if (cursor === undefined || hits.length > 0) break
      }
      return hits
    },
    // Names change; an answer is good for the moment of typing.
    staleTime: 10_000,
    gcTime: 30_000,
    retry: false,
  })

export interface Found {
  hits: SearchHit[]
  /** The answer to what stands there now is on its way. */
  isBusy: boolean
  error?: ApiError
  again: () => void
}

/** What the server finds. Nothing for a text without a letter or digit. */
export function useFound(typed: string): Found {
  const text = typed.trim().slice(0, 200)
  const asked = useRested(text)
  const isQuestion = /[\p{L}\p{N}]/u.test(asked)
  const got = useQuery({ ...searchQuery(asked), enabled: isQuestion })
  const isCurrent = asked === text
  return {
    hits: isQuestion && isCurrent ? (got.data ?? []) : [],
    isBusy: /[\p{L}\p{N}]/u.test(text) && (!isCurrent || got.isFetching),
    again: () => void got.refetch(),
    ...(isQuestion && isCurrent && got.isError ? { error: asError(got.error) } : {}),
  }
}

function useRested(text: string): string {
  const [rested, setRested] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), REST)
    return () => clearTimeout(timer)
  }, [text])
  return rested
}
