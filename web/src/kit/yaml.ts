// Plain data as YAML, for people to read and keep. Writing only: the panel never reads YAML.

/** The value as a YAML document. Strings are quoted whenever YAML could read them as something else. */
export function yaml(value: unknown, indent = 0): string {
  const pad = '  '.repeat(indent)
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]\n'
    return value.map((item) => `${pad}- ${nested(item, indent + 1).trimStart()}`).join('')
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    if (entries.length === 0) return '{}\n'
    return entries.map(([key, item]) => `${pad}${scalar(key)}:${after(item, indent)}`).join('')
  }
  return `${scalar(value)}\n`
}

function nested(item: unknown, indent: number): string {
  return yaml(item, indent)
}

function after(item: unknown, indent: number): string {
  const isBlock = typeof item === 'object' && item !== null && Object.keys(item).length > 0
  if (isBlock) return `\n${yaml(item, indent + 1)}`
  if (typeof item === 'string' && item.includes('\n') && !/[\r\t]|^\s|\s$/.test(item)) {
    const pad = '  '.repeat(indent + 1)
    const lines = item.split('\n').map((line) => (line === '' ? '' : pad + line))
    return ` |-\n${lines.join('\n')}\n`
  }
  return ` ${yaml(item, 0)}`
}

const PLAIN = /^[A-Za-z_][A-Za-z0-9_ ./-]*$/
const RESERVED = /^(?:true|false|yes|no|on|off|null|y|n|nan|inf)$/i

function scalar(value: unknown): string {
  if (typeof value !== 'string') return value === undefined ? 'null' : JSON.stringify(value)
  return PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(' ') ? value : JSON.stringify(value)
}
