import { describe, expect, it } from 'vitest'
import { pieces } from './ansi'
import { bytes, cpu, many, percent, position, relative, span } from './format'
import { rank } from './rank'
import { problem } from './problem'
import { chosen, defaults, objectSchema, stopsBetween, widgetOf } from './schema'
import { Rate, Series } from './series'
import { stroke } from './shortcut'
import { nearest } from './slider'
import { asSentence, sentenceCase, toneOf } from './state'
import { yaml } from './yaml'

describe('numbers and times', () => {
  it('places in a recording', () => {
    expect([0, 7449, 750_000, 3_750_000].map(position)).toEqual(['0:00.0', '0:07.4', '12:30.0', '1:02:30.0'])
  })

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [512 * 2 ** 20, '512 MiB'],
    [2 ** 30 - 1, '1 GiB'],
    [23.5 * 2 ** 30, '23.5 GiB'],
    [1000 * 2 ** 30, '1000 GiB'],
  ])('%d bytes are %s', (n, text) => expect(bytes(n)).toBe(text))

  it('shares are never rounded to full or empty', () => {
    expect([percent(0, 10), percent(1, 1000), percent(999, 1000), percent(10, 10), percent(1, 0)]).toEqual(['0 %', '<1 %', '99 %', '100 %', '–'])
  })

  it('times are relative in their largest unit', () => {
    expect([span(59_999), span(60_000), span(7_200_000), span(172_800_000)]).toEqual(['59 s', '1 min', '2 h', '2 d'])
    expect([relative(0, 3000), relative(0, 90_000), relative(7_200_000, 0)]).toEqual(['now', '1 min ago', 'in 2 h'])
  })

  it('words follow numbers', () => {
    expect([many(1, 'server'), many(1200, 'server'), cpu(1500)]).toEqual(['1 server', '1,200 servers', '1.5 CPU'])
  })
})

describe('forms from a schema', () => {
  const schema = objectSchema(
    {
      properties: {
        motd: { type: 'string', title: 'Message', default: 'Welcome', maxLength: 10, pattern: '^(?:[^"]*)$' },
        players: { type: 'integer', minimum: 1, maximum: 100, default: 15 },
        seed: { type: 'integer' },
        pvp: { type: 'boolean', default: false },
        mode: { enum: ['a', 'b'], default: 'a' },
        password: { type: 'string', writeOnly: true, maxLength: 5 },
        program: { type: 'string', minLength: 1 },
      },
      required: ['program'],
    },
    ['program', 'motd'],
  )
  const field = (name: string) => schema.properties[name] ?? {}

  it('keep the order that is given, and the rest after it', () => {
    expect(Object.keys(schema.properties).slice(0, 2)).toEqual(['program', 'motd'])
  })

  it('choose the widget', () => {
    expect(['motd', 'players', 'seed', 'pvp', 'mode', 'password'].map((name) => widgetOf(field(name)))).toEqual(['line', 'slider', 'number', 'switch', 'choice', 'secret'])
  })

  it('send only what differs from the defaults', () => {
    const values = { ...defaults(schema), password: '', motd: 'Hello', program: 'cat' }
    expect(chosen(schema, values)).toEqual({ motd: 'Hello', program: 'cat' })
  })

  it.each([
    ['program', undefined, true, 'A value is required.'],
    ['program', '', false, 'Use at least 1 characters.'],
    ['motd', 'ok', false, undefined],
    ['motd', '', false, undefined],
    ['motd', 'a"b', false, 'Must match ^(?:[^"]*)$'],
    ['motd', 'a\nb', false, 'Use one line without control characters.'],
    ['motd', '😀😀😀😀😀😀😀😀😀😀', false, undefined],
    ['motd', 'x'.repeat(11), false, 'Use at most 10 characters; these are 11.'],
    ['players', 0, false, 'Use 1 or more.'],
    ['players', 101, false, 'Use 100 or less.'],
    ['players', 1.5, false, 'Use a whole number.'],
    ['players', '12a', false, 'Use a whole number.'],
    ['mode', 'c', false, 'Use one of a, b.'],
    ['pvp', 'yes', false, 'Use true or false.'],
    ['password', 'secret', false, 'Use at most 5 characters; these are 6.'],
  ])('%s = %j', (name, value, isRequired, text) => expect(problem(field(name), value, isRequired)).toBe(text))

  it('sliders reach both ends', () => {
    for (const [low, high] of [[1, 500], [4, 64], [0, 100_000]] as const) {
      const stops = stopsBetween(low, high)
      expect([stops[0], stops.at(-1)]).toEqual([low, high])
      expect(stops.length).toBeLessThanOrEqual(203)
    }
    expect(nearest([0, 64, 128], 100)).toBe(2)
  })
})

describe('YAML', () => {
  it('quotes whatever YAML would read as something else', () => {
    const text = yaml({ name: 'yes', port: '8080', on: true, empty: '', motd: 'a: b', list: ['x', { y: 1 }], none: {}, text: 'one\ntwo', gone: undefined })
    expect(text).toBe('name: "yes"\nport: "8080"\n"on": true\nempty: ""\nmotd: "a: b"\nlist:\n  - x\n  - "y": 1\nnone: {}\ntext: |-\n  one\n  two\n')
  })
})

describe('console colours', () => {
  it('become classes, and every other escape vanishes', () => {
    expect(pieces('plain')).toEqual([{ text: 'plain', classes: '' }])
    expect(pieces('\u001b[32mgreen\u001b[0m rest')).toEqual([{ text: 'green', classes: 'ansi-green' }, { text: ' rest', classes: '' }])
    expect(pieces('\u001b]0;title\u0007\u001b[2K\u001b[1;91mX').map((p) => [p.text, p.classes])).toEqual([['X', 'ansi-red font-semibold']])
    expect(pieces('a\u0008\u0007b')).toEqual([{ text: 'ab', classes: '' }])
  })
})

describe('samples', () => {
  it('further apart than the gap have a hole between them', () => {
    const series = new Series(1, 100, 10)
    series.push(0, [1])
    series.push(5, [2])
    series.push(30, [3])
    expect(series.lines[0]).toEqual([1, 2, null, 3])
  })

  it('are forgotten in time, and never go back', () => {
    const series = new Series(1, 10, 100)
    for (const at of [0, 5, 5, 3, 20]) series.push(at, [at])
    expect(series.times).toEqual([20])
  })

  it('of a counter that begins anew have no rate', () => {
    const rate = new Rate()
    expect([rate.next(0, 100), rate.next(2, 300), rate.next(4, 50), rate.next(5, 60), rate.next(6, null), rate.next(7, 80)]).toEqual([null, 100, null, 10, null, null])
  })
})

describe('words', () => {
  it('of the palette are found by beginning first', () => {
    const found = rank(['Stop Harbour', 'Harbour', 'Old harbour'], 'har', (text) => ({ main: text, more: '' }))
    expect(found).toEqual(['Harbour', 'Stop Harbour', 'Old harbour'])
    expect(rank(['Harbour'], 'har x', (text) => ({ main: text, more: '' }))).toEqual([])
  })

  it('of states are never green when they are not known', () => {
    expect([toneOf('running'), toneOf('refused'), toneOf('something new')]).toEqual(['running', 'failed', 'unknown'])
  })

  it('begin with a capital, names keep their spelling', () => {
    expect([asSentence('this link has been used; it works once'), asSentence('Use 5 or less.')]).toEqual(['This link has been used; it works once.', 'Use 5 or less.'])
    expect([sentenceCase('ended with status 1'), sentenceCase('rack-2 is full'), sentenceCase('volume/data: full')]).toEqual(['Ended with status 1', 'rack-2 is full', 'volume/data: full'])
  })

  it('of strokes are spelled as shortcuts are', () => {
    const key = (of: Partial<KeyboardEvent>) => stroke({ key: '', metaKey: false, ctrlKey: false, altKey: false, ...of })
    expect([key({ key: 'K', metaKey: true }), key({ key: 'k', ctrlKey: true }), key({ key: '?' }), key({ key: 'Escape' })]).toEqual(['mod+k', 'mod+k', '?', 'escape'])
  })
})
