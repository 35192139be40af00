// A workload in a side sheet: enough to decide whether to open it.

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ButtonLink } from '../kit/button'
import { Copy } from '../kit/code'
import { Sheet } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { bytes, cpu } from '../kit/format'
import { Skeleton } from '../kit/skeleton'
import { State, toneOf, wordOf } from '../kit/state'
import { Ago } from '../kit/time'
import { Told } from '../kit/told'
import type { Workload } from '../api/types'
import { workloadQuery } from './api'
import { Conditions } from './conditions'

export function Peek({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  return id === undefined ? null : <Open id={id} onClose={onClose} />
}

function Open({ id, onClose }: { id: string; onClose: () => void }) {
  const { data: workload, error } = useQuery(workloadQuery(id))
  return (
    <Sheet
      isOpen
      onClose={onClose}
      title={workload?.name ?? 'Game server'}
      footer={
        <ButtonLink look="main" to="/workloads/$workload" params={{ workload: id }}>
          Open page
        </ButtonLink>
      }
    >
      {error !== null && <ErrorBox error={error} doing="read the server" />}
      {workload === undefined && error === null && <Skeleton className="h-40 w-full" />}
      {workload !== undefined && (
        <div className="flex flex-col gap-5">
          <div>
            <State tone={toneOf(workload.state)} word={wordOf(workload.state)} since={workload.since} />
            {workload.reason !== null && <p className="mt-1 text-13 text-ink-2"><Told text={workload.reason} /></p>}
          </div>
          <Facts workload={workload} />
          <Conditions workload={workload} />
        </div>
      )}
    </Sheet>
  )
}

/** What it is, as a list of facts. */
export function Facts({ workload }: { workload: Workload }) {
  const { limits } = workload
  return (
    <FactList
      facts={[
        ['Address', workload.address === null ? '–' : <Copyable key="a" text={workload.address} />],
        ['Template', workload.template],
        ['Runs as', workload.runtime],
        ['Node', workload.node_name ?? 'not placed'],
        ['Ports', Object.entries(workload.ports).map(([name, port]) => `${port} (${name})`).join(', ') || '–'],
        ['Memory', limits.memory_bytes === 0 ? 'no limit' : bytes(limits.memory_bytes)],
        ['Processor', limits.cpu_millis === 0 ? 'no limit' : cpu(limits.cpu_millis)],
        ['Disk', limits.disk_bytes === 0 ? 'no limit' : bytes(limits.disk_bytes)],
        ['Crashes in a row', String(workload.crashes)],
        ['Created', <Ago key="c" at={workload.created_at} />],
        ['Id', <Copyable key="i" text={workload.id} />],
      ]}
    />
  )
}

const Copyable = ({ text }: { text: string }) => (
  <span className="flex min-w-0 items-center gap-1">
    <code className="truncate font-mono text-12">{text}</code>
    <Copy text={text} />
  </span>
)

/** Names and values in two columns. */
export function FactList({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 text-13">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="flex min-h-7 items-center text-ink-2">{name}</dt>
          <dd className="flex min-h-7 min-w-0 items-center break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
