// Which entries of the audit trail are wanted.

export interface Filter {
  action: string
  outcome: string
  /** Hours back from now; `all` for everything. */
  back: string
}

export const ALL: Filter = { action: '', outcome: 'any', back: 'all' }

const HOUR_MS = 3_600_000

/** As the API wants it. Times are cut to the minute, so that the same question has the same name for a while. */
export function query({ action, outcome, back }: Filter, now = Date.now()): { action?: string; outcome?: 'done' | 'refused'; from?: string } {
  return {
    ...(action.trim() === '' ? {} : { action: action.trim() }),
    ...(outcome === 'any' ? {} : { outcome: outcome as 'done' | 'refused' }),
    ...(back === 'all' ? {} : { from: new Date(Math.floor((now - Number(back) * HOUR_MS) / 60_000) * 60_000).toISOString() }),
  }
}
