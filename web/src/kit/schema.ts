// Forms from JSON Schema: which widget a value gets, and what is wrong with it while it is typed.

/** The part of JSON Schema that templates and titles use. */
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
  items?: Schema
  maxItems?: number
  additionalProperties?: boolean | Schema
  maxProperties?: number
  anyOf?: Schema[]
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

export type Widget = 'line' | 'text' | 'secret' | 'switch' | 'choice' | 'number' | 'slider' | Typed
/** Widgets whose text is read: one item a line, one "name = value" a line, a number or one of some words. */
type Typed = 'list' | 'pairs' | 'either'

const SCALARS = ['boolean', 'number', 'string']

export function widgetOf(schema: Schema): Widget {
  const type = Array.isArray(schema.type) ? schema.type.find((t) => t !== 'null') : schema.type
  if (schema.enum !== undefined) return 'choice'
  if (schema.writeOnly === true || schema['x-widget'] === 'secret') return 'secret'
  if (schema['x-widget'] === 'text' || schema['x-widget'] === 'number') return schema['x-widget']
  if (type === 'boolean') return 'switch'
  if (type === 'array' && schema.items?.type === 'string') return 'list'
  if (type === 'object' && typeof schema.additionalProperties === 'object' && [schema.additionalProperties.type].flat().every((each) => SCALARS.includes(each ?? ''))) return 'pairs'
  if (schema.anyOf !== undefined && schema.anyOf.every((each) => each.type === 'integer' || each.enum !== undefined)) return 'either'
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

/** Stops of a slider between two bounds: round numbers, not too many. */
export function stopsBetween(low: number, high: number): number[] {
  const range = high - low
  if (range <= 200) return Array.from({ length: range + 1 }, (_, i) => low + i)
  const step = Math.ceil(range / 200)
  const out: number[] = []
  for (let value = low; value < high; value += step) out.push(value)
  return [...out, high]
}
