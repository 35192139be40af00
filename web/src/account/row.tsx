// Lines of a card.

import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

/** A line of a card: what, about it, and what can be done. */
export function Row({ icon: Icon, title, about, action }: { icon: LucideIcon; title: ReactNode; about: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex min-h-14 items-center gap-3 px-4 py-2.5">
      <Icon size={16} aria-hidden className="shrink-0 text-ink-2" />
      <div className="min-w-0 flex-1">
        <div className="truncate text-13 font-medium">{title}</div>
        <div className="text-12 text-ink-3">{about}</div>
      </div>
      {action}
    </div>
  )
}
