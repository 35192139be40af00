// A number with a unit: drag it, or type it.

import { Slider as Radix } from 'radix-ui'
import { useState } from 'react'
import { Input } from './field'

export interface SliderProps {
  value: number
  onValue: (value: number) => void
  /** Rising stops that the slider snaps to; typing reaches everything between. */
  stops: number[]
  /** The value as people type it, without the unit. */
  show: (value: number) => string
  /** The typed text as a value; `undefined` when it is none. */
  read: (text: string) => number | undefined
  unit: string
  label: string
  id?: string
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
}

/** A slider beside a box with a unit. */
export function Slider({ value, onValue, stops, show, read, unit, label, ...wiring }: SliderProps) {
  const [typed, setTyped] = useState<string>()
  const at = nearest(stops, value)
  const commit = () => {
    const next = typed === undefined ? undefined : read(typed)
    if (next !== undefined && Number.isFinite(next)) onValue(next)
    setTyped(undefined)
  }
  return (
    <div className="flex items-center gap-4">
      <Radix.Root
        min={0}
        max={stops.length - 1}
        step={1}
        value={[at]}
        onValueChange={([index]) => {
          const next = stops[index ?? 0]
          if (next !== undefined) onValue(next)
        }}
        className="relative flex h-8 flex-1 touch-none items-center select-none"
      >
        <Radix.Track className="relative h-1 grow rounded-full bg-line-strong">
          <Radix.Range className="absolute h-full rounded-full bg-accent" />
        </Radix.Track>
        <Radix.Thumb
          aria-label={label}
          aria-valuetext={`${show(value)} ${unit}`}
          className="block size-4 rounded-full border-2 border-accent bg-surface transition-transform duration-[120ms] hover:scale-110"
        />
      </Radix.Root>
      <div className="relative w-32 shrink-0">
        <Input
          {...wiring}
          inputMode="decimal"
          value={typed ?? show(value)}
          onChange={(change) => setTyped(change.target.value)}
          onBlur={commit}
          onKeyDown={(key) => key.key === 'Enter' && commit()}
          style={{ paddingRight: `calc(${unit.length}ch + ${unit === '' ? 10 : 16}px)` }}
          className="text-right"
        />
        <span aria-hidden className="pointer-events-none absolute top-1.5 right-2.5 text-13 text-ink-3">
          {unit}
        </span>
      </div>
    </div>
  )
}

/** The stop that is nearest to a value. */
export function nearest(stops: number[], value: number): number {
  let best = 0
  stops.forEach((stop, i) => {
    if (Math.abs(stop - value) < Math.abs((stops[best] ?? 0) - value)) best = i
  })
  return best
}
