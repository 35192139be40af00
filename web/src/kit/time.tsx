// Times: relative for people, exact on hover, ticking together.

import { useSyncExternalStore } from 'react'
import { exact, relative, span } from './format'

let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 1000)
  return () => {
    listeners.delete(tell)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The time, once a second, the same for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

function useText(make: (now: number) => string): string {
  // Only who shows another text renders again.
  return useSyncExternalStore(subscribe, () => make(now))
}

/** `3 min ago`. */
export function Ago({ at, className }: { at: string | number; className?: string }) {
  const ms = typeof at === 'number' ? at : Date.parse(at)
  const text = useText((t) => relative(ms, t))
  return (
    <time dateTime={new Date(ms).toISOString()} title={exact(ms)} className={className}>
      {text}
    </time>
  )
}

/** `3 min`: how long something has been so. */
export function For({ since, className }: { since: string | number; className?: string }) {
  const ms = typeof since === 'number' ? since : Date.parse(since)
  const text = useText((t) => span(t - ms))
  return (
    <time dateTime={new Date(ms).toISOString()} title={`since ${exact(ms)}`} className={className}>
      {text}
    </time>
  )
}
