// The parts of a workload on its node, each with its own state and reason.

import type { Workload } from '../api/types'
import { Mark, toneOf, wordOf } from '../kit/state'
import { Told } from '../kit/told'

export function Conditions({ workload }: { workload: Workload }) {
  if (workload.conditions.length === 0) return <p className="text-13 text-ink-3">Its node has not reported any part yet.</p>
  return (
    <ul className="live flex flex-col" aria-label="Parts on the node">
      {workload.conditions.map((condition) => (
        <li key={condition.resource} className="flex gap-2.5 border-b border-line py-1.5 text-13 last:border-b-0">
          <Mark tone={toneOf(condition.status)} className="mt-1" />
          <div className="min-w-0 flex-1">
            <div className="flex justify-between gap-2">
              <code className="truncate font-mono text-12 leading-5">{condition.resource}</code>
              <span className="text-ink-2">{wordOf(condition.status)}</span>
            </div>
            {condition.message !== undefined && condition.message !== '' && <p className="text-12 break-words text-ink-2"><Told isInner text={condition.message} /></p>}
          </div>
        </li>
      ))}
    </ul>
  )
}
