// The quiet bar that says since when what is shown may be old.

import { Unplug } from 'lucide-react'
import { clock } from '../kit/format'
import { For } from '../kit/time'
import { useLive } from '../live'

export function StaleBar() {
  const { status, since } = useLive()
  if (status !== 'lost' || since === undefined) return null
  return (
    <div role="status" className="fade flex items-center gap-2 border-b border-line bg-degraded-soft px-4 py-1.5 text-13 sm:px-6">
      <Unplug size={14} aria-hidden className="shrink-0 text-degraded" />
      <span>
        Not live since {clock(since)}, <For since={since} /> ago. What you see may be old; connecting again.
      </span>
    </div>
  )
}
