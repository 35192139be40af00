// What the pages of matches ask.

import { queryOptions } from '@tanstack/react-query'
import { all, api, ok } from '../api/client'
import type { MatchDetail } from '../api/types'

export const matchesQuery = (workspace: string, state: 'live' | 'archived') =>
  queryOptions({
    queryKey: ['matches', workspace, state],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/matches', { params: { path: { workspace }, query: { ...query, state } }, signal }))),
    enabled: workspace !== '',
  })

export const matchQuery = (id: string) =>
  queryOptions({
    queryKey: ['match', id],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/matches/{match}', { params: { path: { match: id } }, signal })),
  })

export const titlesQuery = queryOptions({
  queryKey: ['titles'],
  queryFn: ({ signal }) => ok(api.GET('/api/v1/matches/titles', { signal })),
  staleTime: Infinity,
})

/** A turn, as the protocol writes it. */
export interface Turn {
  turnNumber: number
  intents: Intent[]
}

/** Something that a player, or the platform, has done. */
export interface Intent {
  type: string
  clientID: string
  [field: string]: unknown
}

/** A player, as the protocol writes them. */
export interface Player {
  clientID: string
  username: string
  clanTag?: string | null
}

/** A finished match. */
export interface Archive {
  players: Player[]
  turns: Turn[]
  winner: unknown
  durationMs: number
  startInfo: { players: Player[] } | null
}

export const archiveQuery = (id: string) =>
  queryOptions({
    queryKey: ['archive', id],
    // A file to the API document, and therefore nothing that the typed client reads.
    queryFn: async ({ signal }) => (await ok(api.GET('/api/v1/matches/{match}/archive', { params: { path: { match: id } }, parseAs: 'json', signal }))) as unknown as Archive,
    staleTime: Infinity,
    retry: false,
  })

/** A verb on a match, with its body. */
export type Verb = { verb: 'start'; is_set: boolean } | { verb: 'pause'; paused: boolean } | { verb: 'kick'; client: string } | { verb: 'end' } | { verb: 'configure'; config: Record<string, unknown> }

/** Does it. The answer is the match as it is then; nothing when it has ended. */
export async function act(id: string, what: Verb): Promise<MatchDetail | undefined> {
  const params = { path: { match: id } }
  switch (what.verb) {
    case 'start':
      return ok(api.POST('/api/v1/matches/{match}/start', { params, body: { is_set: what.is_set } }))
    case 'pause':
      return ok(api.POST('/api/v1/matches/{match}/pause', { params, body: { paused: what.paused } }))
    case 'kick':
      return ok(api.POST('/api/v1/matches/{match}/kick', { params, body: { client: what.client } }))
    case 'configure':
      return ok(api.PATCH('/api/v1/matches/{match}', { params, body: { config: what.config } }))
    case 'end':
      await ok(api.DELETE('/api/v1/matches/{match}', { params }))
      return undefined
  }
}
