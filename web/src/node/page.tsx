// A node's page: whether it answers, how full it is, what it can and cannot enforce, what runs there.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { Ellipsis, Pause, Pencil, Play, Server, Shield, Trash2, TriangleAlert, Unplug } from 'lucide-react'
import { useState } from 'react'
import type { Isolation, Node, NodeStats, Workload } from '../api/types'
import { Feed } from '../event/feed'
import { Button, IconButton } from '../kit/button'
import { Chart } from '../kit/chart'
import { Confirm, Dialog } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { bytes, cpu, many, rate } from '../kit/format'
import { Menu, MenuItem, MenuLine } from '../kit/menu'
import { Meter } from '../kit/meter'
import { notify } from '../kit/notice'
import { Rate } from '../kit/series'
import { PageSkeleton } from '../kit/skeleton'
import { State, toneOf, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Segments } from '../kit/tabs'
import { Ago } from '../kit/time'
import { useCan } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { WINDOW, useStats } from '../stats'
import { NameLink } from '../workload/actions'
import { workloadsQuery } from '../workload/api'
import { FactList } from '../workload/peek'
import { useWorkspace } from '../session/me'
import { nodeQuery, useNodeDelete, useNodeForget, useNodeUpdate } from './api'
import { LeftDialog } from './left'
import { LEVELS, WORDS, toneOfProblem, weakness } from './problem'

const levelLabel = (level: Isolation): string => LEVELS.find((each) => each.value === level)?.label ?? level

const ABOVE = { label: 'Nodes', link: { to: '/nodes' } as const }

export function Page() {
  const { node: id } = useParams({ from: '/app/nodes/$node' })
  const { data, error, refetch } = useQuery(nodeQuery(id))
  if (data !== undefined) return <Body node={data} />
  if (error === null) return <PageSkeleton />
  return (
    <>
      <Header title="Node" above={ABOVE} />
      <Content>
        <ErrorBox error={error} doing="show this node" onRetry={() => void refetch()} />
      </Content>
    </>
  )
}

function Body({ node }: { node: Node }) {
  const { workspace } = useWorkspace()
  const workloads = useQuery(workloadsQuery(workspace)).data?.items.filter((w) => w.node === node.id)
  const { facts } = node
  return (
    <>
      <Header title={node.name} above={ABOVE} state={<NodeState node={node} />} actions={<Actions node={node} workloads={workloads} />} />
      <Content>
        <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_320px]">
          <div className="flex min-w-0 flex-col gap-6">
            <Problems node={node} />
            <Section title="Now" action={<span className="text-12 text-ink-3">since this page is open, at most 10 minutes</span>}>
              <Charts node={node} />
            </Section>
            <Section title="Servers here">
              <Card className="overflow-hidden">
                <Servers workloads={workloads} />
              </Card>
            </Section>
          </div>
          <div className="flex min-w-0 flex-col gap-6">
            <Section title="Reserved">
              <Card className="flex flex-col gap-3 p-3">
                <Meter label="Memory" part={node.reserved_memory_bytes} whole={facts.memory_bytes} text={`${bytes(node.reserved_memory_bytes)} of ${bytes(facts.memory_bytes)}`} />
                <Meter label="Processor" part={node.reserved_cpu_millis} whole={facts.cpu_count * 1000 * CPU_OVERCOMMIT} text={`${cpu(node.reserved_cpu_millis)} on ${facts.cpu_count}`} />
                <p className="text-12 text-ink-3">Memory is never promised twice. Processors are, up to {CPU_OVERCOMMIT} times: games idle most of the time.</p>
              </Card>
            </Section>
            <Enforced node={node} />
            <Section title="About">
              <Card className="px-3 py-2">
                <FactList
                  facts={[
                    ['Host', facts.hostname],
                    ['System', facts.os],
                    ['Kernel', facts.kernel],
                    ['Machine', `${facts.arch}, ${facts.cpu_count} CPU`],
                    ['Address', facts.address],
                    ['Ports', `${facts.port_range[0]}–${facts.port_range[1]}`],
                    ['Agent', facts.agent_version],
                    ['Links', String(node.links)],
                    ['Joined', <Ago key="j" at={node.joined_at} />],
                    ['Last seen', node.seen_at === null ? 'never' : <Ago key="s" at={node.seen_at} />],
                  ]}
                />
              </Card>
            </Section>
            <Section title="Activity">
              <Feed subject={node.id} most={8} isBrief />
            </Section>
          </div>
        </div>
      </Content>
    </>
  )
}

/** What is wrong with it, and what to do. */
function Problems({ node }: { node: Node }) {
  if (node.problems.length === 0) return null
  return (
    <Section title="Problems">
      <Card className="overflow-hidden">
        <ul>
          {node.problems.map((problem) => (
            <li key={problem.code} className="flex flex-col gap-0.5 border-b border-line px-4 py-2.5 text-13 last:border-b-0">
              <State tone={toneOfProblem(problem)} word={WORDS[problem.code]} />
              <span>{problem.message}</span>
              <span className="text-ink-2">{problem.remedy}</span>
            </li>
          ))}
        </ul>
      </Card>
    </Section>
  )
}

/** Placement lets processors be promised this many times over. */
const CPU_OVERCOMMIT = 8

const NodeState = ({ node }: { node: Node }) => (
  <span className="flex items-center gap-2">
    <State tone={toneOf(node.state)} word={wordOf(node.state)} since={node.since} />
    {node.is_draining && <span className="rounded-full border border-line px-1.5 text-12 text-ink-2">draining</span>}
  </span>
)

function makeRead() {
  const received = new Rate()
  const sent = new Rate()
  let isFirst = true
  return (s: NodeStats, at: number) => {
    // Nothing came before the first sample to compare with, so its processor time is no measurement.
    const used = isFirst && s.cpu_millis === 0 ? null : s.cpu_millis
    isFirst = false
    return [used, s.memory_used_bytes, received.next(at, s.received_bytes), sent.next(at, s.sent_bytes), s.disk_used_bytes]
  }
}

function Charts({ node }: { node: Node }) {
  const { series, latest, version, refused } = useStats<NodeStats>(`/api/v1/nodes/${node.id}/stats/stream`, 5, makeRead)
  const common = { series, version, window: WINDOW }
  if (refused !== undefined && refused !== 503) {
    return <p className="rounded border border-line px-3 py-2.5 text-13 text-ink-2">Live measurements are not available ({refused}).</p>
  }
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Chart {...common} title="Processor" lines={[{ index: 0, label: 'used' }]} format={cpu} max={node.facts.cpu_count * 1000} maxLabel="" />
      <Chart {...common} title="Memory" lines={[{ index: 1, label: 'used' }]} isBinary format={bytes} max={latest?.memory_total_bytes ?? node.facts.memory_bytes} maxLabel="" />
      <Chart {...common} title="Network" lines={[{ index: 2, label: 'in' }, { index: 3, label: 'out' }]} isBinary format={rate} />
      <Chart {...common} title="Disk" lines={[{ index: 4, label: 'used' }]} isBinary format={bytes} max={latest?.disk_total_bytes ?? node.facts.disk_bytes} maxLabel="" />
    </div>
  )
}

const COLUMNS: Column<Workload>[] = [
  { id: 'name', label: 'Name', cell: (w) => <NameLink workload={w} /> },
  { id: 'state', label: 'State', cell: (w) => <State tone={toneOf(w.state)} word={wordOf(w.state)} since={w.since} /> },
  { id: 'players', label: 'Players', width: '76px', isRight: true, from: 'sm', cell: (w) => w.players ?? '–' },
  { id: 'memory', label: 'Memory', width: '96px', isRight: true, from: 'sm', cell: (w) => <span className="text-ink-2">{w.limits.memory_bytes === 0 ? 'no limit' : bytes(w.limits.memory_bytes)}</span> },
]

function Servers({ workloads }: { workloads: Workload[] | undefined }) {
  const navigate = useNavigate()
  return (
    <Table
      isMain
      label="Servers on this node"
      columns={COLUMNS}
      rows={workloads}
      rowId={(w) => w.id}
      rowLabel={(w) => w.name}
      expected={2}
      onOpen={(w) => void navigate({ to: '/workloads/$workload', params: { workload: w.id } })}
      empty={
        <Empty icon={Server} title="No servers here">
          Placement puts new servers on the node with the most free memory.
        </Empty>
      }
    />
  )
}

/** What the agent found that it can, and each thing that it cannot enforce here. */
function Enforced({ node }: { node: Node }) {
  const { can } = node.facts
  return (
    <Section title="Isolation">
      <Card className="px-3 py-2">
        <FactList
          facts={[
            ['Isolates', levelLabel(can.isolation)],
            ['Demands at least', levelLabel(node.min_isolation)],
            ['Own accounts', can.own_accounts ? 'yes' : 'no'],
            ['Sandbox', can.sandbox],
            ['Limits by', can.cgroups === 'none' ? 'none' : `cgroups ${can.cgroups}`],
            ['Containers', can.container_engine ?? 'no engine'],
            ['Packages', can.packages.join(', ') || 'none'],
          ]}
        />
        {can.notes.length > 0 && (
          <ul className="mt-1 flex flex-col gap-1.5 border-t border-line pt-2 pb-1 text-12 text-ink-2">
            {can.notes.map((note) => (
              <li key={note} className="flex gap-2">
                <TriangleAlert size={13} aria-hidden className="mt-0.5 shrink-0 text-degraded" />
                {note}
              </li>
            ))}
          </ul>
        )}
      </Card>
    </Section>
  )
}

function Actions({ node, workloads }: { node: Node; workloads: Workload[] | undefined }) {
  const can = useCan()
  const update = useNodeUpdate(node)
  const [dialog, setDialog] = useState<'rename' | 'remove' | 'isolation' | 'forget'>()
  const mayWrite = can('node:write', node.id)
  const drain = () =>
    update.mutate(
      { is_draining: !node.is_draining },
      {
        onSuccess: () =>
          notify(node.is_draining ? `${node.name} takes new servers again` : `${node.name} takes no new servers`, { verb: 'Undo', run: () => update.mutate({ is_draining: node.is_draining }) }),
      },
    )
  return (
    <>
      <Button icon={node.is_draining ? Play : Pause} disabled={!can('node:write', node.id)} isPending={update.isPending} onClick={drain}>
        {node.is_draining ? 'Stop draining' : 'Drain node'}
      </Button>
      <Menu trigger={<IconButton icon={Ellipsis} label="More actions" />}>
        <MenuItem icon={Pencil} isDisabled={!can('node:write', node.id)} onSelect={() => setDialog('rename')}>
          Rename node
        </MenuItem>
        <MenuItem icon={Shield} isDisabled={!mayWrite} onSelect={() => setDialog('isolation')}>
          Set isolation
        </MenuItem>
        <MenuLine />
        {node.state === 'offline' && (
          <MenuItem icon={Unplug} isDanger isDisabled={!mayWrite} onSelect={() => setDialog('forget')}>
            Forget lost node
          </MenuItem>
        )}
        <MenuItem icon={Trash2} isDanger isDisabled={!can('node:write', node.id)} onSelect={() => setDialog('remove')}>
          Remove node
        </MenuItem>
      </Menu>
      {dialog === 'rename' && <Rename node={node} onClose={() => setDialog(undefined)} />}
      {dialog === 'isolation' && <SetIsolation node={node} onClose={() => setDialog(undefined)} />}
      {dialog === 'forget' && <Forget node={node} workloads={workloads} onClose={() => setDialog(undefined)} />}
      {dialog === 'remove' && <Remove node={node} workloads={workloads} onClose={() => setDialog(undefined)} />}
    </>
  )
}

function Rename({ node, onClose }: { node: Node; onClose: () => void }) {
  const [name, setName] = useState<string>(node.name)
  const update = useNodeUpdate(node)
  const isValid = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Rename ${node.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="rename" disabled={!isValid || name === node.name} isPending={update.isPending}>
            Rename node
          </Button>
        </>
      }
    >
      <form
        id="rename"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          if (isValid) update.mutate({ name }, { onSuccess: onClose })
        }}
      >
        <Field label="Name" error={isValid ? undefined : 'Use 1 to 63 of a–z, 0–9 and dashes, with no dash at either end.'}>
          {(wiring) => <Input {...wiring} autoFocus value={name} onChange={(change) => setName(change.target.value.toLowerCase())} spellCheck={false} />}
        </Field>
        {update.error !== null && <ErrorBox error={update.error} doing="rename the node" />}
      </form>
    </Dialog>
  )
}

/** How far processes must at least be isolated to start here. */
function SetIsolation({ node, onClose }: { node: Node; onClose: () => void }) {
  const [min, setMin] = useState<Isolation>(node.min_isolation)
  const update = useNodeUpdate(node)
  const isWeaker = weakness(min) > weakness(node.min_isolation)
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Isolation on ${node.name}`}
      about={`Processes start here only when they are isolated at least this far. The node can do: ${levelLabel(node.facts.can.isolation).toLowerCase()}.`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look={isWeaker ? 'danger' : 'main'} disabled={min === node.min_isolation} isPending={update.isPending} onClick={() => update.mutate({ min_isolation: min }, { onSuccess: onClose })}>
            {isWeaker ? 'Allow less isolation' : 'Set isolation'}
          </Button>
        </>
      }
    >
      <div className="flex flex-col items-start gap-3">
        <Segments label="Isolation" value={min} onValue={(value) => setMin(value as Isolation)} options={LEVELS} />
        <p className="text-13 text-ink-2">{LEVELS.find((level) => level.value === min)?.about}</p>
        {update.error !== null && <ErrorBox error={update.error} doing="set the isolation" />}
      </div>
    </Dialog>
  )
}

/** For a machine that is lost for good. */
function Forget({ node, workloads, onClose }: { node: Node; workloads: Workload[] | undefined; onClose: () => void }) {
  const forget = useNodeForget(node)
  const navigate = useNavigate()
  const client = useQueryClient()
  const here = workloads?.length ?? node.workload_count
  if (forget.data !== undefined) {
    const close = () => {
      void client.invalidateQueries({ queryKey: ['nodes'] })
      void navigate({ to: '/nodes' })
    }
    return <LeftDialog title={`${node.name} is forgotten`} left={forget.data.left} onClose={close} />
  }
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Forget ${node.name}?`}
      losses={[
        'For a machine that is lost for good: nothing on it is stopped or removed.',
        here > 0 ? `${many(here, 'server')} on it: Ostler forgets ${here === 1 ? 'it' : 'them'}, with every world and setting.` : 'No server is on it.',
        'If the machine comes back, its agent is turned away. What it runs goes on until it joins again.',
      ]}
      verb="Forget node"
      name={node.name}
      isPending={forget.isPending}
      error={forget.error}
      onConfirm={() => forget.mutate()}
    />
  )
}

function Remove({ node, workloads, onClose }: { node: Node; workloads: Workload[] | undefined; onClose: () => void }) {
  const remove = useNodeDelete(node)
  const navigate = useNavigate()
  const here = workloads?.length ?? node.workload_count
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Remove ${node.name}?`}
      losses={[
        here > 0 ? `${many(here, 'server')} on it: Ostler forgets ${here === 1 ? 'it' : 'them'}. Move or delete ${here === 1 ? 'it' : 'them'} first if anybody needs ${here === 1 ? 'it' : 'them'}.` : 'Nothing runs on it.',
        'Its identity: to come back, the machine must join again with a new token.',
      ]}
      verb="Remove node"
      name={node.name}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(undefined, { onSuccess: () => void navigate({ to: '/nodes' }) })}
    />
  )
}
