// What the settings form sends.

import type { Limits, Workload, WorkloadUpdate } from '../api/types'
import { type ObjectSchema, type Values, defaults, widgetOf } from '../kit/schema'

export interface Draft {
  name: string
  values: Values
  limits: Limits
}

/** Only what was changed. A secret is sent when something was typed into it. */
export function changes(workload: Pick<Workload, 'name' | 'variables' | 'limits'>, schema: ObjectSchema, draft: Draft): WorkloadUpdate {
  const variables: Values = {}
  const standard = defaults(schema)
  for (const [name, field] of Object.entries(schema.properties)) {
    const value = draft.values[name]
    const before = workload.variables[name] ?? standard[name]
    const isSecret = widgetOf(field) === 'secret'
    if (isSecret ? value !== undefined && value !== '' : value !== before) variables[name] = value ?? null
  }
  return {
    ...(draft.name.trim() === workload.name ? {} : { name: draft.name.trim() }),
    ...(Object.keys(variables).length === 0 ? {} : { variables }),
    ...(JSON.stringify(draft.limits) === JSON.stringify(workload.limits) ? {} : { limits: draft.limits }),
  }
}
