import { expect, test } from 'vitest'
import { parse, shown } from './value'

test.each([
  ['587', 25, 587],
  ['587', 'text', '587'],
  ['smtp.example.org', null, 'smtp.example.org'],
  ['["a","b"]', [], ['a', 'b']],
  ['  ', 'x', null],
])('%j typed over %j is %j', (text, before, value) => {
  expect(parse(text, before)).toEqual(value)
})

test('what is shown parses back to itself', () => {
  for (const value of ['text', 12, true, ['a'], { b: 1 }]) expect(parse(shown(value), value)).toEqual(value)
})
