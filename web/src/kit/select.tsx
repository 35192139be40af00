// One of a few.

import { Check, ChevronDown } from 'lucide-react'
import { Select as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cx } from './cx'

export interface Option {
  value: string
  label: ReactNode
  help?: ReactNode
  isDisabled?: boolean
}

/** A select box. Empty values are not possible: give "any" a name of its own. */
export function Select({ value, onValue, options, label, className, small, ...wiring }: { value: string; onValue: (value: string) => void; options: Option[]; label?: string; className?: string; small?: boolean; id?: string; disabled?: boolean; 'aria-describedby'?: string | undefined; 'aria-invalid'?: true | undefined }) {
  return (
    <Radix.Root value={value} onValueChange={onValue} disabled={wiring.disabled}>
      <Radix.Trigger
        {...wiring}
        aria-label={label}
        className={cx(
          'flex items-center justify-between gap-2 rounded border border-line-strong bg-surface text-left text-13 transition-colors duration-[120ms] hover:border-ink-3 disabled:opacity-60 aria-invalid:border-failed',
          small === true ? 'h-7 px-2' : 'h-8 w-full px-2.5',
          className,
        )}
      >
        <span className="truncate">
          <Radix.Value />
        </span>
        <ChevronDown size={14} className="shrink-0 text-ink-3" aria-hidden />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          className="fade z-50 max-h-80 min-w-[var(--radix-select-trigger-width)] overflow-hidden rounded border border-line bg-raised p-1 shadow-float"
        >
          <Radix.Viewport>
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value}
                disabled={option.isDisabled}
                className="flex min-h-8 cursor-default items-center gap-2 rounded px-2 py-1 text-13 outline-none select-none data-[disabled]:opacity-50 data-[highlighted]:bg-hover"
              >
                <div className="min-w-0 flex-1">
                  <Radix.ItemText>{option.label}</Radix.ItemText>
                  {option.help !== undefined && <div className="text-12 text-ink-3">{option.help}</div>}
                </div>
                <Radix.ItemIndicator>
                  <Check size={14} aria-hidden />
                </Radix.ItemIndicator>
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
