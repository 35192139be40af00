// The list of nodes: which answer, and how full each is.

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Boxes, Plus } from 'lucide-react'
import type { Node } from '../api/types'
import { Button } from '../kit/button'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { bytes, count, cpu } from '../kit/format'
import { Meter } from '../kit/meter'
import { useShortcut } from '../kit/shortcut'
import { State, toneOf, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { useCan, useWorkspace } from '../session/me'
import { Content, Header } from '../shell/header'
import { nodesQuery } from './api'
import { JoinDialog } from './join'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const navigate = useNavigate()
  const { join } = useSearch({ from: '/app/nodes' })
  const list = useQuery(nodesQuery(workspace))
  const setJoin = (isOpen: boolean) => void navigate({ to: '/nodes', search: isOpen ? { join: true } : {}, replace: !isOpen })
  useShortcut(can('node:write') ? { keys: 'a', label: 'Add a node', group: 'Lists', run: () => setJoin(true) } : undefined)
  const add = can('node:write') && (
    <Button look="main" icon={Plus} onClick={() => setJoin(true)}>
      Add node
    </Button>
  )
  return (
    <>
      <Header title="Nodes" state={list.data !== undefined && <span className="text-ink-3">{count(list.data.items.length)}</span>} actions={add} />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the nodes" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Nodes"
            columns={COLUMNS}
            rows={list.data?.items}
            rowId={(node) => node.id}
            rowLabel={(node) => node.name}
            onOpen={(node) => void navigate({ to: '/nodes/$node', params: { node: node.id } })}
            expected={3}
            empty={
              <Empty icon={Boxes} title="No nodes yet" action={add}>
                A node is a machine that runs your servers: any Linux with the <code className="font-mono text-12">ostler</code> program. It dials out, so it needs no open port for Ostler.
              </Empty>
            }
          />
        )}
      </Content>
      <JoinDialog isOpen={join === true} onClose={() => setJoin(false)} />
    </>
  )
}

const COLUMNS: Column<Node>[] = [
  {
    id: 'name',
    label: 'Name',
    sort: (node) => node.name,
    cell: (node) => (
      <Link to="/nodes/$node" params={{ node: node.id }} className="block max-w-[40vw] truncate font-medium hover:underline sm:max-w-60 sm:min-w-40">
        {node.name}
      </Link>
    ),
  },
  {
    id: 'state',
    label: 'State',
    sort: (node) => node.state,
    cell: (node) => (
      <span className="flex items-center gap-2">
        <State tone={toneOf(node.state)} word={wordOf(node.state)} since={node.since} />
        {node.is_draining && <span className="rounded-full border border-line px-1.5 text-12 text-ink-2">draining</span>}
        {node.warnings !== undefined && node.warnings.length > 0 && (
          <span className="rounded-full border border-line px-1.5 text-12 text-degraded" title={node.warnings.join(' ')}>
            look here
          </span>
        )}
      </span>
    ),
  },
  { id: 'workloads', label: 'Servers', from: 'sm', width: '80px', isRight: true, sort: (node) => node.workload_count, cell: (node) => node.workload_count },
  {
    id: 'memory',
    label: 'Memory reserved',
    from: 'md',
    width: '200px',
    sort: (node) => node.reserved_memory_bytes / Math.max(1, node.facts.memory_bytes),
    cell: (node) => <MiniMeter label="Memory reserved" part={node.reserved_memory_bytes} whole={node.facts.memory_bytes} text={`${bytes(node.reserved_memory_bytes)} of ${bytes(node.facts.memory_bytes)}`} />,
  },
  {
    id: 'cpu',
    label: 'Processor reserved',
    from: 'xl',
    width: '160px',
    sort: (node) => node.reserved_cpu_millis,
    cell: (node) => <span className="text-ink-2">{`${cpu(node.reserved_cpu_millis).replace(' CPU', '')} of ${node.facts.cpu_count} CPU`}</span>,
  },
  { id: 'os', label: 'System', from: 'md', isFluid: true, cell: (node) => <span className="block truncate text-ink-2">{node.facts.os}</span> },
  { id: 'address', label: 'Address', from: 'md', width: '150px', cell: (node) => <code className="font-mono text-12 text-ink-2">{node.facts.address}</code> },
  { id: 'version', label: 'Agent', from: 'lg', width: '80px', cell: (node) => <span className="text-ink-3">{node.facts.agent_version}</span> },
]

/** A meter in a table's row: the bar and the numbers on one line. */
function MiniMeter({ label, part, whole, text }: { label: string; part: number; whole: number; text: string }) {
  return (
    <span className="flex items-center gap-2.5">
      <Meter bare label={label} part={part} whole={whole} text={text} className="w-14" />
      <span className="text-12 whitespace-nowrap text-ink-2">{text}</span>
    </span>
  )
}
