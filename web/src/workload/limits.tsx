// Limits: memory, processor, disk and processes, each with its unit. Zero, "no limit", is for the platform's admins.

import type { Limits } from '../api/types'
import { Field } from '../kit/field'
import { Slider } from '../kit/slider'
import { useMe } from '../session/me'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

const MEMORY = [0, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 65536].map((n) => n * MIB)
const CPU = [0, 100, 250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12000, 16000]
const DISK = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n * GIB)
const PIDS = [0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]

const show = (n: number, unit: number) => (n === 0 ? 'none' : String(Math.round((n / unit) * 1000) / 1000))
const read = (text: string, unit: number) => {
  if (/^\s*(none|0)?\s*$/i.test(text)) return 0
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? Math.round(Number(text) * unit) : undefined
}

export function LimitsForm({ limits, onChange, problems }: { limits: Limits; onChange: (limits: Limits) => void; problems: Record<string, string | undefined> }) {
  const { user } = useMe()
  const offered = (stops: number[]) => (user.is_platform_admin ? stops : stops.filter((stop) => stop > 0))
  const field = (name: keyof Limits, label: string, help: string, stops: number[], unit: number, unitName: string) => (
    <Field label={label} help={help} error={problems[`limits.${name}`]}>
      {(wiring) => (
        <Slider
          {...wiring}
          label={label}
          value={limits[name]}
          onValue={(value) => onChange({ ...limits, [name]: value })}
          stops={offered(stops)}
          show={(n) => show(n, unit)}
          read={(text) => read(text, unit)}
          unit={limits[name] === 0 ? '' : unitName}
        />
      )}
    </Field>
  )
  return (
    <div className="flex flex-col gap-5">
      {field('memory_bytes', 'Memory', 'It is killed and started again when it needs more.', MEMORY, MIB, 'MiB')}
      {field('cpu_millis', 'Processor', '1 is one whole processor core.', CPU, 1000, 'CPU')}
      {field('disk_bytes', 'Disk', 'Of each volume. Enforced where the node’s file system can.', DISK, GIB, 'GiB')}
      {field('pids', 'Processes and threads', 'Stops a program that multiplies without end.', PIDS, 1, '')}
    </div>
  )
}
