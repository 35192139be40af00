// State: a mark with a shape, a word, and since when. Never colour alone.

import { cx } from './cx'
import { For } from './time'

export type Tone = 'running' | 'changing' | 'degraded' | 'failed' | 'stopped' | 'unknown'

const TEXT: Record<Tone, string> = {
  running: 'text-running',
  changing: 'text-changing',
  degraded: 'text-degraded',
  failed: 'text-failed',
  stopped: 'text-stopped',
  unknown: 'text-stopped',
}

/** The mark: a full disc runs, a turning arc changes, a triangle is degraded, a cross has failed, a ring is stopped, a broken ring is unknown. */
export function Mark({ tone, className }: { tone: Tone; className?: string }) {
  return (
    <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden className={cx('shrink-0', TEXT[tone], className)}>
      {tone === 'running' && <circle cx="6" cy="6" r="4" fill="currentColor" />}
      {tone === 'changing' && (
        <g className="turn origin-center">
          <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="2" opacity="0.25" />
          <path d="M6 2a4 4 0 0 1 4 4" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
        </g>
      )}
      {tone === 'degraded' && <path d="M6 1.5 11 10.3H1Z" fill="currentColor" strokeLinejoin="round" />}
      {tone === 'failed' && (
        <path d="M3 3l6 6M9 3l-6 6" fill="none" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" />
      )}
      {tone === 'stopped' && <circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" />}
      {tone === 'unknown' && (
        <circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.2 2.2" />
      )}
    </svg>
  )
}

/** Mark, word, age. */
export function State({ tone, word, since, className }: { tone: Tone; word: string; since?: string | null | undefined; className?: string }) {
  return (
    <span className={cx('live inline-flex items-center gap-2 whitespace-nowrap', className)}>
      <Mark tone={tone} />
      <span>
        {word}
        {since != null && (
          <>
            {' '}
            <For since={since} className="text-ink-3" />
          </>
        )}
      </span>
    </span>
  )
}

/** The word of a stable spelling: `running` → `Running`. */
export function wordOf(spelling: string): string {
  const text = spelling.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const TONES: Record<string, Tone> = {
  pending: 'changing',
  installing: 'changing',
  starting: 'changing',
  stopping: 'changing',
  deleting: 'changing',
  changing: 'changing',
  queued: 'changing',
  unwinding: 'changing',
  running: 'running',
  online: 'running',
  ready: 'running',
  succeeded: 'running',
  done: 'running',
  degraded: 'degraded',
  failed: 'failed',
  offline: 'failed',
  refused: 'failed',
  stopped: 'stopped',
  cancelled: 'stopped',
  waiting: 'stopped',
  undone: 'stopped',
  gone: 'stopped',
}

/** A sentence of the server's as one begins it here; names and keys keep their spelling. */
export function sentenceCase(text: string): string {
  return /^[a-z]+[ ,;]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}

/** The same with its full stop: what the server says in a clause, where a sentence stands alone. */
export function asSentence(text: string): string {
  const begun = sentenceCase(text)
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`
}

/** The tone of any state's stable spelling. A word that is not known is unknown, never green. */
export function toneOf(spelling: string): Tone {
  return TONES[spelling] ?? 'unknown'
}
