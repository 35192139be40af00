import { describe, expect, it } from 'vitest'
import { changes, formOf, problemsOf, titleOf } from './config'

const form = formOf({ properties: { gameType: { enum: ['Private'] }, bots: { type: 'integer' }, gameMap: { enum: ['World', 'Europe'] }, gameMapSize: { enum: ['Normal'] }, randomSpawn: { type: 'boolean' }, startDelay: { type: 'integer', maximum: 600 }, hostCheats: { type: 'object' }, disabledUnits: { type: 'array' } } })

describe('a configuration as a form', () => {
  it('asks only for what a form can say', () => {
    expect(Object.keys(form.properties)).toEqual(['bots', 'gameMap', 'startDelay', 'randomSpawn'])
    expect(titleOf('spawnImmunityDuration')).toBe('Spawn immunity duration')
  })

  it('says what is wrong before it is sent', () => {
    expect(problemsOf(form, { startDelay: 601 })).toEqual({ of: expect.objectContaining({ startDelay: 'Use 600 or less.' }), isFine: false })
    expect(problemsOf(form, { gameMap: 'World', bots: 3 }).isFine).toBe(true)
  })

  it('sends what differs, and keeps what an omission would clear', () => {
    const before = { bots: 7, gameMap: 'World', hostCheats: { gold: true } }
    expect(changes(form, before, { ...before, bots: 9 }, ['hostCheats'])).toEqual({ bots: 9, hostCheats: { gold: true } })
    expect(changes(form, before, before, ['hostCheats'])).toEqual({})
    expect(changes(form, before, { ...before, bots: undefined }, [])).toEqual({ bots: null })
  })
})
