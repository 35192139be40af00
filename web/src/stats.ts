// Live measurements of one thing: a stream that is open only while somebody looks.

import { useEffect, useRef, useState } from 'react'
import { Series } from './kit/series'
import { followForever } from './sse'

/** How far back charts show, in seconds. */
export const WINDOW = 10 * 60
const GAP = 15
const SILENCE_MS = 30_000

export interface Stats<T> {
  series: Series
  latest: T | undefined
  /** Grows with every sample. */
  version: number
  /** The status when the server refused the stream. */
  refused: number | undefined
}

/** Follows `url` and keeps the lines that `read` makes of each sample. `read` is made anew per thing, so it may remember. */
export function useStats<T extends { at: string }>(url: string, lines: number, makeRead: () => (sample: T, at: number) => (number | null | undefined)[]): Stats<T> {
  const [state, setState] = useState<{ url: string; latest: T | undefined; version: number; refused: number | undefined }>({ url, latest: undefined, version: 0, refused: undefined })
  const [series, setSeries] = useState(() => new Series(lines, WINDOW, GAP))
  const make = useRef(makeRead)
  useEffect(() => {
    const control = new AbortController()
    const read = make.current()
    const kept = new Series(lines, WINDOW, GAP)
    setSeries(kept)
    setState({ url, latest: undefined, version: 0, refused: undefined })
    void followForever({
      url,
      signal: control.signal,
      silenceMs: SILENCE_MS,
      onMessage: ({ data }) => {
        const sample = parse<T>(data)
        if (sample === undefined) return
        const at = Date.parse(sample.at) / 1000
        if (!Number.isFinite(at)) return
        kept.push(at, read(sample, at))
        setState((old) => ({ ...old, latest: sample, version: old.version + 1, refused: undefined }))
      },
      onLost: (refused) => setState((old) => ({ ...old, refused })),
    })
    return () => control.abort()
  }, [url, lines])
  return { series, latest: state.latest, version: state.version, refused: state.refused }
}

function parse<T>(data: string): T | undefined {
  try {
    return JSON.parse(data) as T
  } catch {
    return undefined
  }
}
