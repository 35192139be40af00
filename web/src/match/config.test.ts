import { describe, expect, it } from 'vitest'
import { widgetOf } from '../kit/schema'
import { read, shown } from '../kit/typed'
import { changes, formOf, problemsOf, titleOf } from './config'

const form = formOf({ properties: { gameType: { enum: ['Private'] }, bots: { type: 'integer' }, gameMap: { enum: ['World', 'Europe'] }, gameMapSize: { enum: ['Normal'] }, randomSpawn: { type: 'boolean' }, startDelay: { type: 'integer', maximum: 600 }, hostCheats: { type: 'object' }, disabledUnits: { type: 'array' } } })

describe('a configuration as a form', () => {
  it('asks only for what a form can say', () => {
    expect(Object.keys(form.properties)).toEqual(['bots', 'gameMap', 'startDelay', 'randomSpawn'])
    expect(titleOf('spawnImmunityDuration')).toBe('Spawn immunity duration')
    expect(titleOf('disableNPCs')).toBe('Disable NPCs')
  })

  it('has sliders only for what always has a value', () => {
    const schema = { properties: { bots: { type: 'integer', minimum: 0, maximum: 400 }, maxPlayers: { type: 'integer', minimum: 1, maximum: 100 } } }
    expect(Object.values(formOf(schema, { bots: 400 }).properties).map(widgetOf)).toEqual(['slider', 'number'])
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

  it('reads lists, pairs, and a number or a word, as they are typed', () => {
    const rich = formOf({
      properties: {
        disabledUnits: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 8 } },
        hostCheats: { type: 'object', maxProperties: 2, additionalProperties: { type: ['boolean', 'number', 'string'] } },
        playerTeams: { anyOf: [{ type: 'integer', minimum: 2, maximum: 150 }, { enum: ['Duos', 'Trios'] }] },
        nested: { type: 'array', items: { type: 'object' } },
      },
    })
    expect(Object.keys(rich.properties)).toEqual(['playerTeams', 'disabledUnits', 'hostCheats'])
    const field = (name: string) => rich.properties[name] ?? {}
    const wrong = (name: string, typed: string) => problemsOf(rich, { [name]: read(field(name), typed) }).of[name]
    expect(read(field('disabledUnits'), ' Warship \n\nMIRV\n')).toEqual(['Warship', 'MIRV'])
    expect(read(field('hostCheats'), 'gold = true\nspeed=1.5\nname = a = b')).toEqual({ gold: true, speed: 1.5, name: 'a = b' })
    expect([read(field('playerTeams'), ' 7 '), read(field('playerTeams'), 'Duos'), read(field('playerTeams'), ' ')]).toEqual([7, 'Duos', undefined])
    for (const [name, value] of Object.entries({ disabledUnits: ['a', 'b'], hostCheats: { gold: true, speed: 2 }, playerTeams: 'Trios' })) {
      expect(read(field(name), shown(field(name), value))).toEqual(value)
      expect(wrong(name, shown(field(name), value))).toBeUndefined()
    }
    expect(wrong('disabledUnits', 'a\nb\nc\nd')).toBe('Use at most 3 lines; these are 4.')
    expect(wrong('disabledUnits', 'Battleship')).toMatch(/at most 8 characters/)
    expect(wrong('hostCheats', 'gold')).toBe('Use “name = value”, one a line.')
    expect(wrong('hostCheats', 'a=1\nb=2\nc=3')).toMatch(/at most 2 lines/)
    expect(wrong('playerTeams', '151')).toBe('Use a whole number from 2 to 150, or one of Duos, Trios.')
    expect(wrong('playerTeams', 'Quads')).toMatch(/one of Duos/)
    expect(changes(rich, { disabledUnits: ['a'] }, { disabledUnits: ['a'] }, [])).toEqual({})
  })
})
