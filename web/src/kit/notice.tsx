// Notices: short messages at the corner, for what has no place of its own on the page. Failures stay until they are read.

import { CircleCheck, X } from 'lucide-react'
import { useEffect, useSyncExternalStore } from 'react'
import { Button, IconButton } from './button'
import { ErrorBox } from './error'

export interface Notice {
  id: number
  text: string
  error?: unknown
  /** Undo, or the next step. */
  action?: { verb: string; run: () => void }
}

let notices: Notice[] = []
let nextId = 1
const listeners = new Set<() => void>()

function set(next: Notice[]): void {
  notices = next
  for (const tell of listeners) tell()
}

/** Says something, with a way back where there is one. */
export function notify(text: string, action?: Notice['action']): void {
  set([...notices.slice(-3), { id: nextId++, text, action }])
}

/** Says what failed. `doing` is a verb: "stop Castle". */
export function notifyError(doing: string, error: unknown): void {
  set([...notices.slice(-3), { id: nextId++, text: doing, error }])
}

function dismiss(id: number): void {
  set(notices.filter((notice) => notice.id !== id))
}

export function Notices() {
  const all = useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => notices,
  )
  return (
    <div role="region" aria-label="Notices" className="flex flex-col gap-2" aria-live="polite">
      {all.map((notice) => (
        <Shown key={notice.id} notice={notice} />
      ))}
    </div>
  )
}

const STAY_MS = 6000

function Shown({ notice }: { notice: Notice }) {
  const isError = notice.error !== undefined
  useEffect(() => {
    if (isError) return
    const timer = setTimeout(() => dismiss(notice.id), STAY_MS)
    return () => clearTimeout(timer)
  }, [notice.id, isError])
  if (isError) {
    return (
      <div className="appear rounded bg-raised shadow-float">
        <ErrorBox error={notice.error} doing={notice.text} onDismiss={() => dismiss(notice.id)} />
      </div>
    )
  }
  return (
    <div className="appear flex items-center gap-2.5 rounded border border-line bg-raised py-2 pr-2 pl-3 text-13 shadow-float">
      <CircleCheck size={15} aria-hidden className="shrink-0 text-ink-2" />
      <span className="min-w-0 flex-1">{notice.text}</span>
      {notice.action !== undefined && (
        <Button
          small
          look="ghost"
          onClick={() => {
            notice.action?.run()
            dismiss(notice.id)
          }}
        >
          {notice.action.verb}
        </Button>
      )}
      <IconButton icon={X} label="Dismiss" onClick={() => dismiss(notice.id)} className="size-6" />
    </div>
  )
}
