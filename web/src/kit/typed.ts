// Lists, pairs and "a number or one of these" as text that people type, and back.

import type { Schema } from './schema'
import { widgetOf } from './schema'

/** A value as text: one item or pair a line. */
export function shown(schema: Schema, value: unknown): string {
  if (value === undefined || value === null) return ''
  const widget = widgetOf(schema)
  if (widget === 'list') return Array.isArray(value) ? value.join('\n') : String(value)
  if (widget === 'pairs') return typeof value === 'object' ? Object.entries(value).map(([name, each]) => `${name} = ${each}`).join('\n') : String(value)
  return String(value)
}

/** The typed text as a value; `undefined` when nothing is there. What cannot be read stays text, so that nothing typed is lost. */
export function read(schema: Schema, text: string): unknown {
  const widget = widgetOf(schema)
  if (widget === 'either') {
    const word = text.trim()
    return word === '' ? undefined : /^-?\d+$/.test(word) ? Number(word) : word
  }
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  if (lines.length === 0) return undefined
  if (widget === 'list') return lines
  const pairs = lines.map((line) => /^([^=]*[^=\s])\s*=\s*(.*)$/.exec(line))
  if (pairs.some((pair) => pair === null)) return text
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', scalar(pair?.[2] ?? '')]))
}

function scalar(text: string): boolean | number | string {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** What is wrong with a value that was read. */
export function typedProblem(schema: Schema, value: unknown): string | undefined {
  const widget = widgetOf(schema)
  if (widget === 'either') return eitherProblem(schema, value)
  if (widget === 'list') {
    if (!Array.isArray(value)) return 'Use one line for each.'
    const { maxItems, items } = schema
    if (maxItems !== undefined && value.length > maxItems) return `Use at most ${maxItems} lines; these are ${value.length}.`
    const long = value.find((each) => [...String(each)].length > (items?.maxLength ?? Infinity))
    return long === undefined ? undefined : `Use at most ${items?.maxLength} characters in a line: ${String(long).slice(0, 20)}… is longer.`
  }
  if (typeof value !== 'object' || value === null) return 'Use “name = value”, one a line.'
  const { maxProperties } = schema
  const count = Object.keys(value).length
  return maxProperties !== undefined && count > maxProperties ? `Use at most ${maxProperties} lines; these are ${count}.` : undefined
}

/** Every word that "a number or one of these" knows. */
export function words(schema: Schema): string[] {
  return (schema.anyOf ?? []).flatMap((each) => (each.enum ?? []).map(String))
}

function eitherProblem(schema: Schema, value: unknown): string | undefined {
  const known = words(schema)
  const range = schema.anyOf?.find((each) => each.type === 'integer')
  const { minimum = -Infinity, maximum = Infinity } = range ?? {}
  if (typeof value === 'number' ? range !== undefined && value >= minimum && value <= maximum : known.includes(String(value))) return undefined
  const numbers = range === undefined ? '' : `a whole number from ${range.minimum} to ${range.maximum}, or `
  return `Use ${numbers}one of ${known.join(', ')}.`
}
