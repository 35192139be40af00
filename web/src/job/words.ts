// Jobs and their steps in words.

const TITLES: Record<string, string> = {
  'workload.provision': 'Create',
  'workload.create': 'Create',
  'workload.delete': 'Delete',
  'workload.remove': 'Delete',
  'node.remove': 'Remove',
}

/** `workload.provision` → `Create`. Kinds that this panel does not know are spelled out. */
export function jobTitle(kind: string): string {
  return TITLES[kind] ?? spelled(kind.split('.').at(-1) ?? kind)
}

/** `wait_ready` → `Wait ready`. */
export function spelled(name: string): string {
  const text = name.replaceAll(/[_-]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
