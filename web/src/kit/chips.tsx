// Filter chips: each a choice with its count. What is chosen lives in the address.

import { cx } from './cx'
import { Mark, type Tone } from './state'

export interface Chip {
  value: string
  label: string
  count?: number
  tone?: Tone
}

/** Chips of which any number may be pressed. */
export function Chips({ chips, value, onValue, label }: { chips: Chip[]; value: string[]; onValue: (value: string[]) => void; label: string }) {
  return (
    <div role="group" aria-label={label} className="flex flex-wrap items-center gap-1.5">
      {chips.map((chip) => {
        const isOn = value.includes(chip.value)
        return (
          <button
            key={chip.value}
            type="button"
            aria-pressed={isOn}
            onClick={() => onValue(isOn ? value.filter((v) => v !== chip.value) : [...value, chip.value])}
            className={cx(
              'inline-flex h-7 items-center gap-1.5 rounded-full border px-2.5 text-12 whitespace-nowrap transition-colors duration-[120ms]',
              isOn ? 'border-accent-ink bg-selected text-ink' : 'border-line bg-surface text-ink-2 hover:border-line-strong hover:text-ink',
            )}
          >
            {chip.tone !== undefined && <Mark tone={chip.tone} />}
            {chip.label}
            {chip.count !== undefined && <span className={isOn ? 'text-ink-2' : 'text-ink-3'}>{chip.count}</span>}
          </button>
        )
      })}
    </div>
  )
}
