// What a set of capabilities allows.

/** Any verb on a kind implies reading it. */
export function allows(held: readonly string[], capability: string): boolean {
  if (held.includes(capability)) return true
  const [kind, verb] = capability.split(':')
  return verb === 'read' && (held.includes(`${kind}:operate`) || held.includes(`${kind}:write`))
}
