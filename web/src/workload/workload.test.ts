import { describe, expect, it } from 'vitest'
import type { ConsoleLine, Workload } from '../api/types'
import { objectSchema } from '../kit/schema'
import { createCommand, quote } from './command'
import { LINES_MOST, append } from './console-socket'
import { matches, readSearch } from './search'
import { GROUPS, canDo, isLost, mainVerb } from './state'
import { changes } from './change'

const line = (seq: number) => ({ seq, at: '', stream: 'out', text: String(seq) }) as ConsoleLine

describe('console lines', () => {
  it('come in order and once, however often they are sent', () => {
    let held: ConsoleLine[] = []
    for (const batch of [[1, 2, 3], [2, 3], [3, 4]]) held = append(held, batch.map(line))
    expect(held.map((l) => l.seq)).toEqual([1, 2, 3, 4])
    expect(append(held, [line(4)])).toBe(held)
  })

  it('are bounded', () => {
    const held = append([], Array.from({ length: LINES_MOST + 10 }, (_, i) => line(i)))
    // Whole blocks go, so that what stays keeps its place in the page.
    expect([held.length, held[0]?.seq]).toEqual([LINES_MOST - 90, 100])
  })
})

describe('verbs', () => {
  const all: Workload['state'][] = ['pending', 'installing', 'starting', 'running', 'degraded', 'stopping', 'stopped', 'failed', 'deleting', 'unknown']

  it('every state is in exactly one group', () => {
    expect(all.map((state) => GROUPS.filter((group) => group.states.includes(state)).length)).toEqual(all.map(() => 1))
  })

  it('nothing is offered for what is being deleted', () => {
    for (const verb of ['start', 'stop', 'restart', 'kill'] as const) expect(canDo(verb, { state: 'deleting', power: 'absent' })).toBe(false)
  })

  it('only what is on a node that does not answer can be forgotten', () => {
    const lost = { state: 'unknown', reason: 'its node is away; last seen running', node: 'nd_1' } as const
    expect(isLost(lost)).toBe(true)
    expect(isLost({ ...lost, state: 'deleting' })).toBe(true)
    expect(isLost({ ...lost, state: 'deleting', reason: null })).toBe(false)
    expect(isLost({ ...lost, state: 'pending', reason: 'waits for a node that takes it', node: null })).toBe(false)
  })

  it('the main one is what one came for', () => {
    expect([mainVerb({ state: 'stopped', power: 'off' }), mainVerb({ state: 'running', power: 'on' }), mainVerb({ state: 'failed', power: 'on' })]).toEqual(['start', 'stop', 'start'])
  })
})

describe('the list’s address', () => {
  const harbour = { name: 'Harbour', template: 'luanti', node: 'nd_1', node_name: 'rack-1', address: '192.0.2.1:30000', id: 'wl_1', state: 'running' } as Workload

  it('keeps what it knows and drops the rest', () => {
    expect(readSearch({ state: 'running,wat', q: 5, x: 1 })).toEqual({ state: ['running'], q: '5' })
    expect(readSearch({ state: ['nothing'], node: 3 })).toEqual({})
  })

  it('narrows by state, node and every word', () => {
    expect(matches(harbour, { state: ['running'], q: 'rack harb' })).toBe(true)
    expect(matches(harbour, { q: 'rack castle' })).toBe(false)
    expect(matches(harbour, { state: ['failed'] })).toBe(false)
    expect(matches(harbour, { node: 'nd_2' })).toBe(false)
  })
})

describe('the command', () => {
  it('quotes what a shell would take apart', () => {
    expect([quote('plain-1.0'), quote("it's"), quote('$(rm)'), quote('')]).toEqual(['plain-1.0', `'it'\\''s'`, `'$(rm)'`, `''`])
  })

  it('says all that differs, and no secret', () => {
    const text = createCommand({ name: 'My world', template: 'luanti', start: false, variables: { motd: 'Hi there', password: 'hunter2' }, limits: { memory_bytes: 2 ** 30, cpu_millis: 1500, pids: 0, disk_bytes: 0 } }, ['password'])
    expect(text).not.toContain('hunter2')
    for (const part of [`'My world'`, '--template luanti', '--memory 1GiB', '--cpu 1.5', `--set 'motd=Hi there'`, '--no-start']) expect(text).toContain(part)
  })
})

describe('settings', () => {
  const schema = objectSchema({ properties: { motd: { type: 'string', default: 'Welcome' }, password: { type: 'string', writeOnly: true } }, required: [] })
  const limits = { memory_bytes: 1, cpu_millis: 1, pids: 1, disk_bytes: 0 }
  const before = { name: 'A', variables: {}, limits }

  it('send only what was changed', () => {
    expect(changes(before, schema, { name: 'A', values: { motd: 'Welcome' }, limits })).toEqual({})
    expect(changes(before, schema, { name: ' B ', values: { motd: 'Hi', password: '' }, limits })).toEqual({ name: 'B', variables: { motd: 'Hi' } })
  })

  it('send a secret only when one was typed', () => {
    expect(changes(before, schema, { name: 'A', values: { motd: 'Welcome', password: 'new' }, limits })).toEqual({ variables: { password: 'new' } })
  })
})
