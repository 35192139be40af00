// Live samples in memory: bounded, and honest about gaps.

/** Samples of several lines over the same times. A gap is a row of `null`s, so that no line is drawn across it. */
export class Series {
  /** Seconds since the epoch, rising. */
  readonly times: number[] = []
  readonly lines: (number | null)[][]

  constructor(
    lines: number,
    /** How long samples are kept, in seconds. */
    private readonly keep: number,
    /** Two samples further apart than this, in seconds, have a gap between them. */
    private readonly gap: number,
  ) {
    this.lines = Array.from({ length: lines }, () => [])
  }

  /** Adds a sample. One that is not newer than the last is dropped. */
  push(at: number, values: (number | null | undefined)[]): void {
    const last = this.times.at(-1)
    if (last !== undefined && at <= last) return
    if (last !== undefined && at - last > this.gap) this.append(last + 0.001, [])
    this.append(at, values)
    while ((this.times[0] ?? at) < at - this.keep) {
      this.times.shift()
      for (const line of this.lines) line.shift()
    }
  }

  private append(at: number, values: (number | null | undefined)[]): void {
    this.times.push(at)
    this.lines.forEach((line, i) => line.push(values[i] ?? null))
  }
}

/** What a counter grew by per second; `null` at its first reading and when it was set back. */
export class Rate {
  private last: { at: number; value: number } | undefined

  next(at: number, value: number | null | undefined): number | null {
    const before = this.last
    this.last = value == null ? undefined : { at, value }
    if (value == null || before === undefined || at <= before.at || value < before.value) return null
    return (value - before.value) / (at - before.at)
  }
}
