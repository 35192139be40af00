// Keyboard shortcuts: declared where they act, listed in one place, silent while somebody types.

import { useEffect, useRef, useSyncExternalStore } from 'react'

export interface Shortcut {
  /** `g n`, `mod+k`, `/`, `escape`. */
  keys: string
  /** What it does, for the list that `?` opens. */
  label: string
  group: string
  run: () => void
  /** Also while an input has the focus. */
  always?: boolean
}

const active = new Map<symbol, Shortcut>()
const listeners = new Set<() => void>()
let listed: Shortcut[] = []

function changed(): void {
  listed = [...active.values()]
  for (const tell of listeners) tell()
}

/** Makes a shortcut work for as long as the component is there. The newest one wins. */
export function useShortcut(shortcut: Shortcut | undefined): void {
  const latest = useRef(shortcut)
  useEffect(() => {
    latest.current = shortcut
  })
  const { keys, label, group, always } = shortcut ?? {}
  useEffect(() => {
    if (keys === undefined) return
    const id = Symbol(keys)
    active.set(id, { keys, label: label ?? '', group: group ?? '', always, run: () => latest.current?.run() })
    changed()
    return () => {
      active.delete(id)
      changed()
    }
  }, [keys, label, group, always])
}

/** All that work now. */
export function useShortcuts(): Shortcut[] {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => listed,
  )
}

/** The stroke as shortcuts spell it. */
export function stroke(event: Pick<KeyboardEvent, 'key' | 'metaKey' | 'ctrlKey' | 'altKey'>): string {
  const names: Record<string, string> = { Escape: 'escape', Enter: 'enter', ' ': 'space', ArrowUp: 'up', ArrowDown: 'down' }
  const key = names[event.key] ?? (event.key.length === 1 ? event.key.toLowerCase() : event.key)
  return `${event.metaKey || event.ctrlKey ? 'mod+' : ''}${event.altKey ? 'alt+' : ''}${key}`
}

const SECOND_STROKE_MS = 900

/** Listens for strokes; call it once. Returns how to stop. */
export function listenForShortcuts(target: Window): () => void {
  let first: { key: string; at: number } | undefined
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || event.key === 'Shift') return
    const key = stroke(event)
    const isTyping = typing(event.target)
    const sequence = first !== undefined && event.timeStamp - first.at < SECOND_STROKE_MS ? `${first.key} ${key}` : undefined
    first = undefined
    const all = [...active.values()].reverse()
    const found =
      (sequence === undefined ? undefined : all.find((s) => s.keys === sequence && !isTyping)) ??
      all.find((s) => s.keys === key && (!isTyping || s.always === true))
    if (found !== undefined) {
      event.preventDefault()
      found.run()
    } else if (!isTyping && all.some((s) => s.keys.startsWith(`${key} `))) {
      first = { key, at: event.timeStamp }
    }
  }
  target.addEventListener('keydown', onKey)
  return () => target.removeEventListener('keydown', onKey)
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  // An open dialog has the keyboard to itself.
  if (target.closest('[role="dialog"],[role="menu"],[role="listbox"]') !== null) return true
  const isText = target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type)
  return isText || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable
}
