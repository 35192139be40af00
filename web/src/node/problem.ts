// What is wrong with nodes, in the order in which the overview shows it.

import type { Isolation, Node, NodeProblem } from '../api/types'
import type { Tone } from '../kit/state'

export const WORDS: Record<NodeProblem['code'], string> = {
  not_isolated: 'Starts no processes',
  copied: 'Another machine has its key',
  unfenced: 'Processes are not isolated',
  old_agent: 'Agent of an older release',
  low_disk: 'Low on disk',
  low_memory: 'Low on memory',
  shared_network: 'Processes share its network',
}

export const LEVELS: { value: Isolation; label: string; about: string }[] = [
  { value: 'full', label: 'Full', about: 'Namespaces for everything, a network of their own among them, and a filter of system calls.' },
  { value: 'shared_network', label: 'Shared network', about: 'Namespaces for everything but the network: processes reach what listens on the machine itself.' },
  { value: 'none', label: 'None', about: 'Processes see and change the whole machine. Only for what you would run there yourself.' },
]

/** How weak a level is; the greater, the weaker. */
export const weakness = (level: Isolation): number => LEVELS.findIndex((each) => each.value === level)

const isUrgent = (problem: NodeProblem): boolean => problem.is_blocking || problem.code === 'unfenced' || problem.code === 'copied'

export const toneOfProblem = (problem: NodeProblem): Tone => (problem.is_blocking ? 'failed' : 'degraded')

/** Each problem with its node: isolation before everything else, then what blocks, and last what is only to be known. */
export function problemsOf(nodes: Node[]): { urgent: { node: Node; problem: NodeProblem }[]; rest: { node: Node; problem: NodeProblem }[] } {
  const all = nodes.flatMap((node) => node.problems.map((problem) => ({ node, problem })))
  const rank = ({ problem }: { problem: NodeProblem }) => Object.keys(WORDS).indexOf(problem.code)
  all.sort((a, b) => rank(a) - rank(b))
  return { urgent: all.filter((each) => isUrgent(each.problem)), rest: all.filter((each) => !isUrgent(each.problem)) }
}
