// What the address of the activity page says.

export const TOPICS = [
  { value: 'workload', label: 'Servers' },
  { value: 'node', label: 'Nodes' },
  { value: 'job', label: 'Jobs' },
  { value: 'member', label: 'Members' },
  { value: 'key', label: 'API keys' },
  { value: 'workspace', label: 'Workspace' },
]

export interface ActivitySearch {
  topic?: string[]
}

export function readSearch(raw: Record<string, unknown>): ActivitySearch {
  const list = Array.isArray(raw.topic) ? raw.topic : typeof raw.topic === 'string' ? raw.topic.split(',') : []
  const topic = list.filter((value): value is string => TOPICS.some((known) => known.value === value))
  return topic.length > 0 ? { topic } : {}
}
