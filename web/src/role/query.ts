// The roles of a workspace: its own and the four that every one has.

import { useQuery } from '@tanstack/react-query'
import { all, api, ok } from '../api/client'
import type { Role } from '../api/types'
import { useCan, useWorkspace } from '../session/me'
import { mayGive } from './words'

export function useRoles() {
  const { workspace } = useWorkspace()
  const can = useCan()
  return useQuery({
    queryKey: ['roles', workspace],
    queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/workspaces/{workspace}/roles', { params: { path: { workspace }, query }, signal }))),
    enabled: workspace !== '' && can('member:read'),
  })
}

/** The name of a role by its id. */
export function roleName(roles: readonly Role[] | undefined, id: string): string {
  return roles?.find((role) => role.id === id)?.name ?? (id.startsWith('rl_') ? 'Own role' : id.charAt(0).toUpperCase() + id.slice(1))
}

/** Roles as the options of a select box. Those that one may not give cannot be chosen. */
export function useRoleOptions() {
  const { capabilities } = useWorkspace()
  const roles = useRoles().data?.items ?? []
  return [...roles]
    .sort((a, b) => Number(a.is_built_in) - Number(b.is_built_in) || (a.is_built_in ? a.capabilities.length - b.capabilities.length : a.name.localeCompare(b.name)))
    .map((role) => ({ value: role.id, label: role.name, help: role.description === '' ? undefined : role.description, isDisabled: !mayGive(capabilities, role.capabilities) }))
}
