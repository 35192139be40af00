// Numbers and times as people read them: binary units, relative times, tabular digits.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.5 GiB`. Three figures at most, so columns stay narrow. */
export function bytes(n: number): string {
  let unit = 0
  let value = n
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  // 1023.9 MiB would be shown as 1024 MiB: it is 1 GiB.
  if (value >= 1000 && Math.round(value) >= 1024 && unit < UNITS.length - 1) {
    value = 1
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${trim(value.toFixed(digits))} ${UNITS[unit]}`
}

/** `1.5 MiB/s`. */
export function rate(n: number): string {
  return `${bytes(n)}/s`
}

/** Thousandths of a processor as `0.25 CPU`. */
export function cpu(millis: number): string {
  return `${trim((millis / 1000).toFixed(2))} CPU`
}

/** `42 %`; nothing that is not full says 100, nothing that is not empty says 0. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '–'
  const share = (part / whole) * 100
  if (share > 0 && share < 1) return '<1 %'
  if (share < 100 && share > 99) return '99 %'
  return `${Math.round(share)} %`
}

/** `12,345`. */
export function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** `1 server`, `3 servers`. */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`
}

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A span of time in its largest unit: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < MINUTE) return `${s} s`
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min`
  if (s < DAY) return `${Math.floor(s / HOUR)} h`
  return `${Math.floor(s / DAY)} d`
}

/** A place in a recording: `0:07.4`, `12:30.0`, `1:02:30.0`. */
export function position(ms: number): string {
  const tenths = Math.max(0, Math.floor(ms / 100))
  const s = Math.floor(tenths / 10)
  const two = (n: number) => String(n).padStart(2, '0')
  const hours = Math.floor(s / HOUR)
  const minutes = Math.floor((s % HOUR) / MINUTE)
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(s % MINUTE)}.${tenths % 10}`
}

/** `3 min ago`, `in 2 h`, `now`. */
export function relative(at: number, now: number): string {
  const ms = now - at
  if (Math.abs(ms) < 5000) return 'now'
  return ms > 0 ? `${span(ms)} ago` : `in ${span(-ms)}`
}

const EXACT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** `21 Nov 2026, 06:07:25`, in the reader's time zone. */
export function exact(at: number): string {
  return EXACT.format(at)
}

/** `06:07:25`. */
export function clock(at: number): string {
  return CLOCK.format(at)
}
