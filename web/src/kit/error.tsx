// Errors: what happened, what it means, what to do, and the request id to copy.

import { CircleX, X } from 'lucide-react'
import { asError } from '../api/error'
import { Button, IconButton } from './button'
import { Copy } from './code'
import { Tip } from './tooltip'

/** What to do next, when the kind of error says so. */
function next(status: number): string | undefined {
  if (status === 0) return 'The panel tries again by itself as soon as the server answers.'
  if (status === 403) return 'Ask an owner or admin of this workspace for the right to do it.'
  if (status === 404) return 'It may have been deleted, or you may not be allowed to see it.'
  if (status === 409) return 'Look at its state, then try again.'
  if (status === 429) return 'Wait a moment, then try again.'
  if (status === 503) return 'It is done as soon as the node is back, or try again then.'
  if (status >= 500) return 'This is a fault of the server. Its log has the details under the request id.'
  return undefined
}

/** An error in its place. `doing` is a verb: "start server". */
export function ErrorBox({ error, doing, onRetry, onDismiss }: { error: unknown; doing?: string; onRetry?: () => void; onDismiss?: () => void }) {
  const what = asError(error)
  const remedy = next(what.status)
  return (
    <div role="alert" className="flex gap-3 rounded border border-failed/30 bg-failed-soft px-3 py-2.5 text-13">
      <CircleX size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">
          {doing !== undefined && <span>Could not {doing}: </span>}
          <span className="break-words">{what.message}</span>
        </p>
        {remedy !== undefined && <p className="mt-0.5 text-ink-2">{remedy}</p>}
        <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 empty:hidden">
          {onRetry !== undefined && (
            <Button small onClick={onRetry}>
              Try again
            </Button>
          )}
          {what.requestId !== undefined && (
            <span className="flex items-center gap-1 text-12 text-ink-2">
              <Tip text="Quote it when you ask for help; the server's log knows it.">
                <span>Request</span>
              </Tip>
              <code className="font-mono">{what.requestId}</code>
              <Copy text={what.requestId} label="Copy the request id" />
            </span>
          )}
        </div>
      </div>
      {onDismiss !== undefined && <IconButton icon={X} label="Dismiss" onClick={onDismiss} className="-my-1 -mr-1" />}
    </div>
  )
}
