// What I may do with a workload: my right to it, and for one that serves the whole platform, a say about the platform.

import type { Capability, Template, Workload } from '../api/types'
import { useCan, useMe } from '../session/me'

/** Serves everybody, whichever workspace it is in. */
export function isOfPlatform(kind: Workload['kind']): boolean {
  return kind === 'match-host'
}

/** Whether I may do this with a workload. */
export function useMay(): (capability: Capability, workload: Workload) => boolean {
  const can = useCan()
  const { user } = useMe()
  return (capability, workload) => can(capability, workload.id) && (user.is_platform_admin || !isOfPlatform(workload.kind))
}

/** Whether I may make a workload from a template. */
export function useMayMake(): (template: Template) => boolean {
  const { user } = useMe()
  return ({ template }) => user.is_platform_admin || !isOfPlatform(template.kind)
}
