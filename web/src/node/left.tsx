// What may still be on a machine after what was on it has been forgotten.

import type { Left } from '../api/types'
import { Button } from '../kit/button'
import { Dialog } from '../kit/dialog'
import { many } from '../kit/format'

/** What may be left of one workload, in a sentence. */
export function leftText(left: Left): string {
  const parts = [
    ...(left.may_run ? [`a ${left.runtime} that may still run`] : []),
    ...(left.volumes.length > 0 ? [`${many(left.volumes.length, 'volume')} (${left.volumes.join(', ')})`] : []),
    ...(left.ports.length > 0 ? [`port ${left.ports.join(', ')}`] : []),
  ]
  return parts.length === 0 ? 'nothing that is known of' : parts.join('; ')
}

/** The answer to forgetting: what to look for on the machine. */
export function LeftDialog({ title, left, onClose }: { title: string; left: Left[]; onClose: () => void }) {
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={title}
      about="This may still be on the machine. If it comes back and joins again, it removes what is left."
      footer={
        <Button look="main" onClick={onClose}>
          Close
        </Button>
      }
    >
      <ul className="flex flex-col gap-2 text-13">
        {left.map((each) => (
          <li key={each.workload}>
            <p className="font-medium">{each.name}</p>
            <p className="text-ink-2">
              On {each.machine}: {leftText(each)}.
            </p>
            <code className="font-mono text-12 break-all text-ink-3">{each.workload}</code>
          </li>
        ))}
        {left.length === 0 && <li className="text-ink-2">Nothing that you may see was on it.</li>}
      </ul>
    </Dialog>
  )
}
