import { expect, test } from 'vitest'
import { inWords, mayGive, things } from './words'

test('a role reads as what it lets one do', () => {
  expect(inWords(['workspace:read', 'workload:read', 'workload:operate', 'node:read'])).toBe('operate servers; see nodes')
  expect(inWords(['workload:operate', 'workload:write'])).toBe('operate and manage servers')
  expect(inWords(['match:operate', 'bot:read', 'platform:read'])).toBe('operate matches; see bots, the installation')
  expect(inWords(['workspace:read'])).toBe('nothing but being there')
})

test('nobody gives what they do not hold, and reading comes with every verb', () => {
  expect(mayGive(['workload:write'], ['workload:read', 'workload:write'])).toBe(true)
  expect(mayGive(['workload:write'], ['workload:operate'])).toBe(false)
})

test('chosen things are counted by what they are', () => {
  expect([['wl_1'], ['wl_1', 'wl_2', 'nd_1'], ['nd_1', 'nd_2'], []].map(things)).toEqual(['1 server', '2 servers and 1 node', '2 nodes', 'nothing'])
})
