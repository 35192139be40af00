// What is wrong with a value while it is typed, in the words of the schema that the server checks it by.

import { type Schema, type Widget, widgetOf } from './schema'
import { typedProblem } from './typed'

/** The first thing that is wrong with a value, with its remedy; `undefined` when it is fine. */
export function problem(schema: Schema, value: unknown, isRequired: boolean): string | undefined {
  if (value === undefined || value === null || value === '') {
    if (isRequired) return 'A value is required.'
    if (value === '' && (schema.minLength ?? 0) > 0) return `Use at least ${schema.minLength} characters.`
    if (value !== '') return undefined
  }
  if (schema.enum !== undefined) return schema.enum.includes(value) ? undefined : `Use one of ${schema.enum.join(', ')}.`
  const widget = widgetOf(schema)
  if (widget === 'switch') return typeof value === 'boolean' ? undefined : 'Use true or false.'
  if (widget === 'number' || widget === 'slider') return numberProblem(schema, value)
  if (widget === 'list' || widget === 'pairs' || widget === 'either') return typedProblem(schema, value)
  if (typeof value !== 'string') return 'Use text.'
  return textProblem(schema, value, widget)
}

function numberProblem({ minimum, maximum, type }: Schema, value: unknown): string | undefined {
  const isWhole = type === 'integer'
  if (typeof value !== 'number' || Number.isNaN(value) || (isWhole && !Number.isInteger(value))) return isWhole ? 'Use a whole number.' : 'Use a number.'
  if (minimum !== undefined && value < minimum) return `Use ${minimum} or more.`
  if (maximum !== undefined && value > maximum) return `Use ${maximum} or less.`
  return undefined
}

function textProblem({ minLength = 0, maxLength, pattern }: Schema, value: string, widget: Widget): string | undefined {
  // As the server counts: characters, not UTF-16 units.
  const length = [...value].length
  if (length < minLength) return `Use at least ${minLength} characters.`
  if (maxLength !== undefined && length > maxLength) return `Use at most ${maxLength} characters; these are ${length}.`
  if (widget !== 'text' && /[\u0000-\u001f\u007f]/.test(value)) return 'Use one line without control characters.'
  if (pattern === undefined) return undefined
  try {
    return new RegExp(pattern, 'u').test(value) ? undefined : `Must match ${pattern}`
  } catch {
    // A pattern of another dialect: the server decides.
    return undefined
  }
}
