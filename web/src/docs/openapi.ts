// The OpenAPI document, read into what the reference shows.

export interface Schema {
  $ref?: string
  type?: string | string[]
  title?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: unknown[]
  const?: unknown
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  default?: unknown
  example?: unknown
  examples?: unknown[]
  additionalProperties?: Schema | boolean
}

export interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  schema?: Schema
}

interface Content {
  description?: string
  content?: Record<string, { schema?: Schema; example?: unknown }>
}

interface RawOperation {
  operationId?: string
  tags?: string[]
  summary?: string
  description?: string
  parameters?: Parameter[]
  requestBody?: Content
  responses?: Record<string, Content>
  security?: unknown[]
}

export interface Document {
  info: { title: string; version: string; description?: string }
  tags?: { name: string; description?: string }[]
  paths: Record<string, Record<string, RawOperation>>
  components?: { schemas?: Record<string, Schema> }
}

export interface Operation {
  id: string
  method: string
  path: string
  summary: string
  description: string
  parameters: Parameter[]
  body: Schema | undefined
  bodyExample: unknown
  responses: { status: string; description: string; schema: Schema | undefined }[]
}

export interface Group {
  name: string
  about: string
  operations: Operation[]
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Operations by tag, tags by name. */
export function groups(document: Document): Group[] {
  const out = new Map<string, Group>()
  for (const tag of document.tags ?? []) out.set(tag.name, { name: tag.name, about: tag.description ?? '', operations: [] })
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const raw = methods[method]
      if (raw === undefined) continue
      const tag = raw.tags?.[0] ?? 'other'
      if (!out.has(tag)) out.set(tag, { name: tag, about: '', operations: [] })
      out.get(tag)?.operations.push(operation(path, method, raw))
    }
  }
  return [...out.values()].filter((group) => group.operations.length > 0).sort((a, b) => a.name.localeCompare(b.name))
}

function operation(path: string, method: string, raw: RawOperation): Operation {
  const json = first(raw.requestBody)
  return {
    id: `${method}-${path}`.replaceAll(/[^a-z0-9]+/gi, '-'),
    method: method.toUpperCase(),
    path,
    summary: firstSentence(raw.summary ?? raw.operationId ?? path),
    description: raw.description ?? raw.summary ?? '',
    parameters: raw.parameters ?? [],
    body: json?.schema,
    bodyExample: json?.example,
    responses: Object.entries(raw.responses ?? {}).map(([status, content]) => ({ status, description: content.description ?? '', schema: first(content)?.schema })),
  }
}

/** Up to the first full stop that ends a sentence. */
export function firstSentence(text: string): string {
  const end = text.search(/\.(\s|$)/)
  return end < 0 ? text : text.slice(0, end)
}

function first(content: Content | undefined): { schema?: Schema; example?: unknown } | undefined {
  return content?.content?.['application/json'] ?? Object.values(content?.content ?? {})[0]
}

/** The schema behind a reference. */
export function resolve(document: Document, schema: Schema): { name: string | undefined; schema: Schema } {
  const name = schema.$ref?.split('/').at(-1)
  const found = name === undefined ? undefined : document.components?.schemas?.[name]
  return found === undefined ? { name, schema } : { name, schema: found }
}

/** A type in a word or two. */
export function typeWord(document: Document, schema: Schema): string {
  const { name, schema: real } = resolve(document, schema)
  if (real.const !== undefined) return JSON.stringify(real.const)
  if (real.enum !== undefined) return real.enum.length <= 6 ? real.enum.map((value) => JSON.stringify(value)).join(' | ') : (name ?? 'enum')
  const choices = real.oneOf ?? real.anyOf
  if (choices !== undefined) return choices.length <= 3 ? choices.map((choice) => typeWord(document, choice)).join(' | ') : (name ?? 'one of several')
  if (real.type === 'array') return `${typeWord(document, real.items ?? {})}[]`
  const type = Array.isArray(real.type) ? real.type.join(' | ') : (real.type ?? 'any')
  return type === 'object' ? (name ?? 'object') : type
}

/** A valid body to begin with, from examples, defaults and types. */
export function example(document: Document, schema: Schema, depth = 0): unknown {
  const { schema: real } = resolve(document, schema)
  if (real.example !== undefined) return real.example
  if (real.examples?.[0] !== undefined) return real.examples[0]
  if (real.default !== undefined) return real.default
  if (real.const !== undefined) return real.const
  if (real.enum !== undefined) return real.enum[0]
  const choice = real.oneOf?.[0] ?? real.anyOf?.[0] ?? real.allOf?.[0]
  if (choice !== undefined) return example(document, choice, depth)
  const type = Array.isArray(real.type) ? real.type[0] : real.type
  if (type === 'object' || real.properties !== undefined) {
    if (depth > 3) return {}
    const required = real.required ?? []
    return Object.fromEntries(required.map((name) => [name, example(document, real.properties?.[name] ?? {}, depth + 1)]))
  }
  if (type === 'array') return []
  if (type === 'integer' || type === 'number') return real.minimum ?? 0
  if (type === 'boolean') return false
  return type === 'null' ? null : 'text'
}

/** The request as a curl command. */
export function curl(document: Document, operation: Operation, origin: string): string {
  const parts = [`curl ${operation.method === 'GET' ? '' : `-X ${operation.method} `}${origin}${operation.path}`, "-H 'Authorization: Bearer $OSTLER_KEY'"]
  if (operation.body !== undefined) {
    parts.push("-H 'Content-Type: application/json'")
    parts.push(`-d '${JSON.stringify(operation.bodyExample ?? example(document, operation.body)).replaceAll("'", "'\\''")}'`)
  }
  return parts.join(' \\\n  ')
}
