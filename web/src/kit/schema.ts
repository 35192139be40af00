// Forms from JSON Schema: which widget a value gets, and what is wrong with it while it is typed.

/** The part of JSON Schema that templates use. */
export interface Schema {
  type?: string | string[]
  title?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  writeOnly?: boolean
  'x-widget'?: string
  'x-unit'?: string | null
}

export interface ObjectSchema {
  properties: Record<string, Schema>
  required: string[]
}

export type Values = Record<string, unknown>

/** Reads a schema that came over the wire; what is no object schema has no fields. JSON objects have no order: `order` gives it. */
export function objectSchema(value: unknown, order: string[] = []): ObjectSchema {
  const { properties = {}, required } = (typeof value === 'object' && value !== null ? value : {}) as Partial<ObjectSchema>
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  const sorted = Object.entries(properties).sort(([a], [b]) => place(a) - place(b))
  return { properties: Object.fromEntries(sorted), required: Array.isArray(required) ? required : [] }
}

export type Widget = 'line' | 'text' | 'secret' | 'switch' | 'choice' | 'number' | 'slider'

export function widgetOf(schema: Schema): Widget {
  const type = Array.isArray(schema.type) ? schema.type.find((t) => t !== 'null') : schema.type
  if (schema.enum !== undefined) return 'choice'
  if (schema.writeOnly === true || schema['x-widget'] === 'secret') return 'secret'
  if (schema['x-widget'] === 'text') return 'text'
  if (type === 'boolean') return 'switch'
  if (type === 'integer' || type === 'number') {
    const { minimum, maximum } = schema
    return minimum !== undefined && maximum !== undefined && maximum - minimum <= 100_000 && maximum > minimum ? 'slider' : 'number'
  }
  return 'line'
}

/** What the form starts with. */
export function defaults(schema: ObjectSchema): Values {
  const out: Values = {}
  for (const [name, field] of Object.entries(schema.properties)) {
    if (field.default !== undefined && field.default !== null) out[name] = field.default
  }
  return out
}

/** Only what differs from the defaults: what a person really chose. */
export function chosen(schema: ObjectSchema, values: Values): Values {
  const out: Values = {}
  for (const [name, field] of Object.entries(schema.properties)) {
    const value = values[name]
    const standard = field.default ?? (widgetOf(field) === 'secret' ? '' : undefined)
    if (value !== undefined && value !== standard) out[name] = value
  }
  return out
}

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

/** Stops of a slider between two bounds: round numbers, not too many. */
export function stopsBetween(low: number, high: number): number[] {
  const range = high - low
  if (range <= 200) return Array.from({ length: range + 1 }, (_, i) => low + i)
  const step = Math.ceil(range / 200)
  const out: number[] = []
  for (let value = low; value < high; value += step) out.push(value)
  return [...out, high]
}
