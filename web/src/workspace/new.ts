// Whether somebody is about to make a workspace: asked from the switcher, the palette and the empty page, shown by the shell.

import { useSyncExternalStore } from 'react'

let isOpen = false
const listeners = new Set<() => void>()

export function askForWorkspace(next: boolean): void {
  isOpen = next
  for (const tell of listeners) tell()
}

export function useIsAsked(): boolean {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => isOpen,
  )
}
