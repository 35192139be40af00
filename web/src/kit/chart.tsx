// Charts: small, with axes and units, gaps shown as gaps. One line colour: colour is for state.

import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { cx } from './cx'
import { clock } from './format'
import type { Series } from './series'

export interface ChartProps {
  title: string
  series: Series
  /** Which lines of the series, with their names; the first is solid and filled, the second dashed. */
  lines: { index: number; label: string }[]
  /** A value with its unit. */
  format: (value: number) => string
  /** The top of the axis when it is known: a limit, all processors. */
  max?: number | undefined
  /** What the top is called: "limit". */
  maxLabel?: string
  /** Changes with every sample, so that the chart draws again. */
  version: number
  /** Values are bytes: ticks at powers of two. */
  isBinary?: boolean
  /** At most this much time is shown, in seconds. */
  window: number
  className?: string
}

const HEIGHT = 120
/** At least this much time is shown, in seconds. */
const LEAST = 60

/** A live chart over the last minutes. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef(props)
  useEffect(() => {
    latest.current = props
  })
  useEffect(() => {
    const element = box.current
    if (element === null) return
    let made = make(element, latest.current)
    plot.current = made
    const size = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    size.observe(element)
    // Canvas does not follow CSS variables: a new theme is a new chart.
    const theme = new MutationObserver(() => {
      made.destroy()
      made = make(element, latest.current)
      plot.current = made
    })
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    return () => {
      size.disconnect()
      theme.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [])
  useEffect(() => {
    plot.current?.setData(data(latest.current))
  }, [props.version])
  // Samples come, but never with this in them.
  const isBlind = props.version > 2 && props.lines.every(({ index }) => props.series.lines[index]?.every((value) => value === null) !== false)
  const now = props.lines.map(({ index, label }) => ({ label, value: props.series.lines[index]?.at(-1) ?? null }))
  const text = now.map(({ label, value }) => `${props.lines.length > 1 ? `${label} ` : ''}${value === null ? '–' : props.format(value)}`)
  return (
    <figure className={cx('live min-w-0 rounded border border-line bg-surface px-3 pt-2.5 pb-1', props.className)} aria-label={`${props.title}: ${text.join(', ')}`} data-samples={props.version}>
      <figcaption className="flex justify-between gap-2 text-12">
        <span className="leading-5 text-ink-2">{props.title}</span>
        <span className="flex min-w-0 items-baseline gap-2">
          {now.map(({ label, value }, i) => (
            <span key={label} className="truncate leading-5">
              {props.lines.length > 1 && (
                <span className="text-ink-3">
                  <span aria-hidden className={cx('mr-1 inline-block w-3 border-t-2 align-middle', i === 0 ? 'border-accent-ink' : 'border-dotted border-ink-3')} />
                  {label}{' '}
                </span>
              )}
              <span className="text-13 font-medium">{value === null ? '–' : props.format(value)}</span>
            </span>
          ))}
          {props.max !== undefined && props.maxLabel !== undefined && (
            <span className="leading-5 whitespace-nowrap text-ink-3">
              of {props.format(props.max)} {props.maxLabel}
            </span>
          )}
        </span>
      </figcaption>
      <div className="relative mt-1">
        <div ref={box} aria-hidden style={{ height: HEIGHT }} className={isBlind ? 'invisible' : undefined} />
        {isBlind && <p className="absolute inset-0 flex items-center justify-center text-13 text-ink-3">Its node does not measure this</p>}
      </div>
    </figure>
  )
}

function data({ series, lines }: ChartProps): uPlot.AlignedData {
  return [series.times, ...lines.map(({ index }) => series.lines[index] ?? [])] as uPlot.AlignedData
}

/** From the first sample on, but never less than a minute: a line of two samples is no line. */
function timeRange(times: ArrayLike<number>, window: number): [number, number] {
  const top = times[times.length - 1] ?? Date.now() / 1000
  return [Math.max(top - window, Math.min(times[0] ?? top, top - LEAST)), top]
}

const POWERS = Array.from({ length: 51 }, (_, i) => 2 ** i)

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function make(element: HTMLElement, props: ChartProps): uPlot {
  const { format, max, lines } = props
  const window = props.window
  const ink = css('--ink-3')
  const grid = css('--line')
  const accent = css('--accent-ink')
  const axis = { stroke: ink, font: '11px "Geist Variable"', ticks: { show: false } }
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      padding: [6, 16, 0, 0],
      legend: { show: false },
      cursor: { points: { size: 6 }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { time: true, range: (plot) => timeRange(plot.data[0], window) },
        y: { range: (_, __, top) => [0, max === undefined ? Math.max(top ?? 0, 1) * 1.15 : Math.max(max, top ?? 0)] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 22, space: 90, values: (_, splits) => splits.map((s) => clock(s * 1000).slice(0, (splits[1] ?? 0) - (splits[0] ?? 0) < 60 ? 8 : 5)) },
        { ...axis, grid: { stroke: grid, width: 1 }, size: 62, space: 34, ...(props.isBinary === true ? { incrs: POWERS } : {}), values: (_, splits) => splits.map((s) => format(s)) },
      ],
      series: [
        {},
        ...lines.map((line, i) => ({
          label: line.label,
          stroke: i === 0 ? accent : ink,
          width: 1.5,
          ...(i === 0 ? { fill: `color-mix(in srgb, ${accent} 10%, transparent)` } : { dash: [4, 3] }),
          spanGaps: false,
          // A line needs two samples; until then there are dots.
          points: { show: (plot: uPlot) => plot.data[0].length < 3, size: 5 },
        })),
      ],
      plugins: [readout(format)],
    },
    data(props),
    element,
  )
}

/** The values under the pointer. */
function readout(format: (value: number) => string): uPlot.Plugin {
  let tip: HTMLElement
  return {
    hooks: {
      init: (plot) => {
        tip = document.createElement('div')
        tip.className = 'pointer-events-none absolute top-0 z-10 hidden rounded border border-line bg-raised px-1.5 py-0.5 text-12 whitespace-nowrap shadow-float'
        plot.over.append(tip)
        plot.over.addEventListener('mouseleave', () => tip.classList.add('hidden'))
      },
      setCursor: (plot) => {
        const { idx, left } = plot.cursor
        const at = idx == null ? undefined : plot.data[0][idx]
        if (idx == null || at === undefined || left === undefined || left < 0) {
          tip.classList.add('hidden')
          return
        }
        const values = plot.series.slice(1).map((_, i) => plot.data[i + 1]?.[idx])
        tip.textContent = `${clock(at * 1000)}  ${values.map((v) => (v == null ? 'no data' : format(v))).join(' · ')}`
        tip.classList.remove('hidden')
        const isRight = left > plot.over.clientWidth / 2
        tip.style.left = isRight ? '' : `${left + 8}px`
        tip.style.right = isRight ? `${plot.over.clientWidth - left + 8}px` : ''
      },
    },
  }
}
