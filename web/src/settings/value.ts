// Values of settings as text to edit, and back.

import type { Setting } from '../api/types'

/** What a person sees of a value; empty when there is none. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Typed text as the kind of value that was there; the server says so when it wants another. Nothing means: take it back. */
export function parse(text: string, before: unknown): unknown {
  const trimmed = text.trim()
  if (trimmed === '') return null
  if (typeof before === 'string') return trimmed
  try {
    return JSON.parse(trimmed) as unknown
  } catch {
    return trimmed
  }
}

/** By the part before the first dot, in the order in which they come. */
export function groups(settings: Setting[]): [string, Setting[]][] {
  const by = new Map<string, Setting[]>()
  for (const setting of settings) {
    const dot = setting.name.indexOf('.')
    const group = dot === -1 ? 'server' : setting.name.slice(0, dot)
    by.set(group, [...(by.get(group) ?? []), setting])
  }
  return [...by]
}
