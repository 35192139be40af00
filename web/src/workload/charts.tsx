// What a workload uses, live. What its node cannot measure has no line, never a zero.

import { ChartNoAxesColumn } from 'lucide-react'
import type { Workload, WorkloadStats } from '../api/types'
import { Chart } from '../kit/chart'
import { bytes, cpu, rate } from '../kit/format'
import { Rate } from '../kit/series'
import { WINDOW, useStats } from '../stats'

function makeRead() {
  const received = new Rate()
  const sent = new Rate()
  return (s: WorkloadStats, at: number) => [s.cpu_millis, s.memory_bytes, received.next(at, s.received_bytes), sent.next(at, s.sent_bytes), s.players]
}

export function Charts({ workload }: { workload: Workload }) {
  const { series, latest, version, refused } = useStats<WorkloadStats>(`/api/v1/workloads/${workload.id}/stats`, 5, makeRead)
  const common = { series, version, window: WINDOW }
  const limit = latest?.memory_limit_bytes ?? workload.limits.memory_bytes
  const hasPlayers = workload.players !== null || series.lines[4]?.some((n) => n !== null) === true
  if (refused !== undefined && refused !== 503) {
    return (
      <p className="flex items-center gap-2 rounded border border-line px-3 py-2.5 text-13 text-ink-2">
        <ChartNoAxesColumn size={14} aria-hidden /> Live measurements are not available ({refused}).
      </p>
    )
  }
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Chart {...common} title="Processor" lines={[{ index: 0, label: 'used' }]} format={cpu} max={workload.limits.cpu_millis || undefined} maxLabel="" />
      <Chart {...common} title="Memory" lines={[{ index: 1, label: 'used' }]} isBinary format={bytes} max={limit || undefined} maxLabel="" />
      <Chart {...common} title="Network" lines={[{ index: 2, label: 'in' }, { index: 3, label: 'out' }]} isBinary format={rate} />
      {hasPlayers && <Chart {...common} title="Players" lines={[{ index: 4, label: 'online' }]} format={(n) => (Number.isInteger(n) ? String(n) : '')} />}
    </div>
  )
}
