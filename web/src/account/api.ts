// What the panel asks the API about one's own account.

import { queryOptions } from '@tanstack/react-query'
import { api, ok } from '../api/client'

export const factorsQuery = queryOptions({ queryKey: ['factors'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/mfa', { signal })) })

export const sessionsQuery = queryOptions({ queryKey: ['sessions'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/sessions', { signal })) })
