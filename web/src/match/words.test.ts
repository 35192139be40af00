import { describe, expect, it } from 'vitest'
import { inWords, winnersOf } from './words'

describe('what was done, in words', () => {
  it('tells the demo game and pauses as people would', () => {
    expect(inWords({ type: 'mark_cell', clientID: 'a', cell: 5 })).toEqual({ text: 'marks row 2, column 3' })
    expect(inWords({ type: 'toggle_pause', clientID: 'ADMINBOT', paused: true })).toEqual({ text: 'pauses the match' })
    expect(inWords({ type: 'mark_disconnected', clientID: 'a', isDisconnected: false })).toEqual({ text: 'is back' })
  })

  it('tells everything else by its type and its fields', () => {
    expect(inWords({ type: 'build_unit', clientID: 'a', unit: 'Port', tile: 7 })).toEqual({ text: 'build unit', detail: '{"unit":"Port","tile":7}' })
    expect(inWords({ type: 'surrender', clientID: 'a' })).toEqual({ text: 'surrender' })
    expect(inWords({ type: 'mark_cell', clientID: 'a', cell: 'x' })).toEqual({ text: 'mark cell', detail: '{"cell":"x"}' })
  })

  it('finds the winners however they were voted for', () => {
    expect(winnersOf('a')).toEqual(['a'])
    expect(winnersOf(['player', 'a'])).toContain('a')
    expect(winnersOf(null)).toEqual([])
    expect(winnersOf({ team: 'Red' })).toEqual([])
  })
})
