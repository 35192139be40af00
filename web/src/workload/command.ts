// The command that does the same as the form.

import type { WorkloadCreate } from '../api/types'
import { bytes } from '../kit/format'

/** A word as a POSIX shell reads it back. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** `ostler game create …` with everything that differs from the template. Secrets are left for the prompt. */
export function createCommand(body: WorkloadCreate, secrets: string[], nodeName?: string): string {
  const parts = ['ostler', 'game', 'create', quote(body.name === '' ? 'NAME' : body.name), '--template', quote(body.template)]
  if (body.runtime != null) parts.push('--runtime', body.runtime)
  if (body.node != null) parts.push('--node', quote(nodeName ?? body.node))
  const { limits } = body
  if (limits != null) {
    parts.push('--memory', limits.memory_bytes === 0 ? '0' : quote(bytes(limits.memory_bytes).replace(' ', '')))
    parts.push('--cpu', String(limits.cpu_millis / 1000))
    if (limits.disk_bytes > 0) parts.push('--disk', quote(bytes(limits.disk_bytes).replace(' ', '')))
  }
  for (const [name, value] of Object.entries(body.variables ?? {})) {
    parts.push('--set', secrets.includes(name) ? `${name}=…` : quote(`${name}=${String(value)}`))
  }
  if (body.start === false) parts.push('--no-start')
  return lines(parts)
}

/** One option per line once it gets long. */
function lines(parts: string[]): string {
  const one = parts.join(' ')
  if (one.length <= 76) return one
  const out: string[] = []
  for (const part of parts) {
    if (part.startsWith('--')) out.push(part)
    else if (out.length === 0) out.push(part)
    else out[out.length - 1] += ` ${part}`
  }
  return out.join(' \\\n  ')
}
