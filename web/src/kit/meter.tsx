// How full something is. The bar turns amber and red only where that means something.

import { cx } from './cx'
import { percent } from './format'

/** `bare` leaves the words to whoever is beside it. */
export function Meter({ label, part, whole, text, className, bare }: { label: string; part: number; whole: number; text: string; className?: string; bare?: boolean }) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0
  const tone = share >= 0.95 ? 'bg-failed' : share >= 0.85 ? 'bg-degraded' : 'bg-ink-3'
  return (
    <div className={cx('live min-w-0', className)}>
      {bare !== true && (
        <div className="mb-1 flex justify-between gap-2 text-12">
          <span className="text-ink-2">{label}</span>
          <span className="truncate" title={percent(part, whole)}>
            {text}
          </span>
        </div>
      )}
      <div
        role="meter"
        aria-label={`${label}: ${text}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        className="h-1 overflow-hidden rounded-full bg-line"
      >
        <div className={cx('h-full rounded-full transition-[width] duration-[180ms]', tone)} style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  )
}

/** How far a job is. */
export function Progress({ value, label, className }: { value: number; label: string; className?: string }) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value}
      className={cx('h-1 overflow-hidden rounded-full bg-line', className)}
    >
      <div className="h-full rounded-full bg-changing transition-[width] duration-[180ms]" style={{ width: `${value}%` }} />
    </div>
  )
}
