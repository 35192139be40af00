import { describe, expect, it } from 'vitest'
import type { Node, NodeProblem } from '../api/types'
import { LEVELS, problemsOf, weakness } from './problem'

const problem = (code: NodeProblem['code'], is_blocking: boolean): NodeProblem => ({ code, is_blocking, message: `${code}.`, remedy: 'Repair it.' })
const node = (name: string, ...problems: NodeProblem[]) => ({ id: `nd_${name}`, name, problems }) as Node

describe('the problems of nodes', () => {
  it('isolation comes first, what is only to be known comes last', () => {
    const { urgent, rest } = problemsOf([
      node('fine'),
      node('shared', problem('shared_network', false)),
      node('full', problem('low_memory', true), problem('shared_network', false)),
      node('open', problem('unfenced', false)),
      node('bare', problem('not_isolated', true), problem('low_disk', true)),
    ])
    const names = (of: typeof urgent) => of.map((each) => `${each.node.name} ${each.problem.code}`)
    expect(names(urgent)).toEqual(['bare not_isolated', 'open unfenced', 'bare low_disk', 'full low_memory'])
    expect(names(rest)).toEqual(['shared shared_network', 'full shared_network'])
  })

  it('levels are told from the strongest to the weakest', () => {
    expect(LEVELS.map((level) => weakness(level.value))).toEqual([0, 1, 2])
    expect(weakness('none')).toBeGreaterThan(weakness('shared_network'))
  })
})
