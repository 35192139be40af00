// A title's configuration as a form: only what a form can say, and only what was changed.

import { problem } from '../kit/problem'
import { type ObjectSchema, type Schema, type Values, objectSchema, widgetOf } from '../kit/schema'

/** Only private matches are made here, so nobody is asked. */
const HIDDEN = new Set(['gameType'])

/** What a number counts, where its name does not say. */
const UNITS: Record<string, string> = { startDelay: 's', maxTimerValue: 'min' }

/** `gameMapSize` → `Game map size`. */
export function titleOf(name: string): string {
  // Abbreviations stay as they are: `disableNPCs` → `Disable NPCs`.
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/\b[A-Z](?![A-Z])/g, (letter) => letter.toLowerCase())
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The fields of a schema that have a widget; what is more than lists and pairs is left as it is. */
export function formOf(schema: unknown, defaults: Values = {}): ObjectSchema {
  const { properties } = objectSchema(schema)
  const fields = Object.entries(properties).filter(([name, field]) => !HIDDEN.has(name) && isPlain(field))
  // What is equally high stands together.
  const sorted = fields.sort(([, a], [, b]) => height(a) - height(b))
  return {
    properties: Object.fromEntries(
      sorted.map(([name, field]) => {
        const unit = name in UNITS ? { 'x-unit': UNITS[name] ?? null } : {}
        // A slider always stands somewhere: what may be unset is typed.
        const typed = name in defaults ? {} : { 'x-widget': 'number' }
        return [name, { ...field, title: field.title ?? titleOf(name), ...unit, ...(widgetOf(field) === 'slider' ? typed : {}) }]
      }),
    ),
    required: [],
  }
}

/** Boxes of several lines come last, switches before them. */
function height(field: Schema): number {
  const widget = widgetOf(field)
  return widget === 'switch' ? 1 : widget === 'list' || widget === 'pairs' ? 2 : 0
}

/** What is wrong with each field, by its name, and whether nothing is. */
export function problemsOf(form: ObjectSchema, values: Values): { of: Record<string, string | undefined>; isFine: boolean } {
  const of = Object.fromEntries(Object.entries(form.properties).map(([name, field]) => [name, problem(field, values[name], false)]))
  return { of, isFine: Object.values(of).every((each) => each === undefined) }
}

function isPlain(field: Schema): boolean {
  // One option is no choice.
  if (field.enum?.length === 1) return false
  const types = Array.isArray(field.type) ? field.type : [field.type]
  if (['list', 'pairs', 'either'].includes(widgetOf(field))) return true
  const isScalar = types.some((type) => type === 'string' || type === 'integer' || type === 'number' || type === 'boolean')
  return isScalar || (field.enum !== undefined && field.enum.every((option) => typeof option === 'string'))
}

/** What to send: what differs, and what would otherwise be cleared. A field that was emptied is unset. */
export function changes(form: ObjectSchema, before: Values, after: Values, clearedWhenOmitted: string[]): Values {
  const out: Values = {}
  for (const name of Object.keys(form.properties)) {
    // Lists and pairs are made anew whenever something is typed.
    if (JSON.stringify(after[name]) !== JSON.stringify(before[name])) out[name] = after[name] ?? null
  }
  if (Object.keys(out).length === 0) return out
  for (const name of clearedWhenOmitted) {
    if (!(name in out) && before[name] !== undefined) out[name] = before[name]
  }
  return out
}
