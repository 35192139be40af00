import { expect, it } from 'vitest'
import { shortNameOf } from './short-name'

it('a short name is a label of DNS', () => {
  expect(['Friday night!', '  Räume & Höfe ', '---', 'A'.repeat(90)].map(shortNameOf)).toEqual(['friday-night', 'r-ume-h-fe', '', 'a'.repeat(63)])
})
