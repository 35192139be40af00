// What a person calls a device, from what its program says of itself.

import type { Session } from '../api/types'

// The more particular first: every browser claims to be another one.
const BROWSERS: [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrom(e|ium)\/|CriOS\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

/** `Firefox on Linux`, or the first word of what a program calls itself. */
export function deviceName({ user_agent, kind }: Pick<Session, 'user_agent' | 'kind'>): string {
  const agent = user_agent ?? ''
  const browser = BROWSERS.find(([mark]) => mark.test(agent))?.[1]
  const system = SYSTEMS.find(([mark]) => mark.test(agent))?.[1]
  if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`
  const program = agent.split(/[\s(]/)[0] ?? ''
  if (program !== '') return program.replace('/', ' ')
  return kind === 'token' ? 'A program' : 'An unknown device'
}
