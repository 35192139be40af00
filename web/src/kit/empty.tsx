// Nothing here yet: what this place is for, and the one next step.

import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

export function Empty({ icon: Icon, title, children, action }: { icon: LucideIcon; title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-14 text-center">
      <div className="flex size-10 items-center justify-center rounded border border-line bg-bg text-ink-2">
        <Icon size={18} aria-hidden />
      </div>
      <div className="max-w-md">
        <h2 className="text-14 font-semibold">{title}</h2>
        <div className="mt-1 text-13 text-ink-2">{children}</div>
      </div>
      {action !== undefined && <div className="mt-1 flex max-w-full flex-wrap justify-center gap-2">{action}</div>}
    </div>
  )
}
