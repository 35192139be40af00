// The overview: what is wrong, what is changing, how full. In this order, and every number leads to what it counts.

import { useQuery } from '@tanstack/react-query'
import { Link, type LinkProps } from '@tanstack/react-router'
import { Boxes, CircleCheck, Gamepad2, Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Job, Node, Workload } from '../api/types'
import { Feed } from '../event/feed'
import { isOver, jobsQuery } from '../job/api'
import { useJobName } from '../job/names'
import { currentStep } from '../job/tray'
import { jobTone } from '../job/words'
import { Button, ButtonLink } from '../kit/button'
import { cx } from '../kit/cx'
import { ErrorBox } from '../kit/error'
import { bytes, count, cpu, many } from '../kit/format'
import { Meter, Progress } from '../kit/meter'
import { Skeleton } from '../kit/skeleton'
import { Mark, type Tone, toneOf, wordOf } from '../kit/state'
import { For } from '../kit/time'
import { Told } from '../kit/told'
import { nodesQuery } from '../node/api'
import { WORDS, problemsOf, toneOfProblem } from '../node/problem'
import { useCan, useWorkspace } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { useVerbs } from '../workload/actions'
import { workloadsQuery } from '../workload/api'
import { GROUPS, canDo, groupOf, urgency } from '../workload/state'

export function Page() {
  const { workspace } = useWorkspace()
  const can = useCan()
  const workloads = useQuery(workloadsQuery(workspace))
  const nodes = useQuery(nodesQuery(workspace))
  const jobs = useQuery(jobsQuery(workspace))
  const error = workloads.error ?? nodes.error
  const isNew = workloads.data?.items.length === 0
  return (
    <>
      <Header
        title="Overview"
        actions={
          can('workload:write') && (
            <ButtonLink look="main" icon={Plus} to="/workloads/new">
              New game server
            </ButtonLink>
          )
        }
      />
      <Content>
        <div className="grid items-start gap-x-8 gap-y-6 lg:grid-cols-[minmax(0,1fr)_300px]">
          <div className="flex min-w-0 flex-col gap-6">
            {error !== null && <ErrorBox error={error} doing="read the overview" onRetry={() => void Promise.all([workloads.refetch(), nodes.refetch()])} />}
            <Counts workloads={workloads.data?.items} nodes={nodes.data?.items} />
            {isNew ? (
              <>
                <Wrong isQuiet workloads={workloads.data?.items} nodes={nodes.data?.items} jobs={jobs.data?.items} />
                <FirstSteps hasNode={(nodes.data?.items.length ?? 0) > 0} />
              </>
            ) : (
              <>
                <Wrong workloads={workloads.data?.items} nodes={nodes.data?.items} jobs={jobs.data?.items} />
                <Changing workloads={workloads.data?.items} jobs={jobs.data?.items} />
              </>
            )}
            <Full nodes={nodes.data?.items} />
          </div>
          <Section title="Activity" action={<Link to="/activity" className="text-12 text-ink-2 hover:text-ink hover:underline">All</Link>}>
            <Feed most={14} isBrief />
          </Section>
        </div>
      </Content>
    </>
  )
}

/** One line: how many of each state. Each leads to the list that it counts. */
function Counts({ workloads, nodes }: { workloads: Workload[] | undefined; nodes: Node[] | undefined }) {
  if (workloads === undefined || nodes === undefined) return <Skeleton className="h-[74px] w-full" />
  const online = nodes.filter((node) => node.state === 'online').length
  const players = workloads.reduce((sum, w) => sum + (w.players ?? 0), 0)
  const shown = GROUPS.filter((group) => group.value === 'running' || workloads.some((w) => groupOf(w.state) === group))
  return (
    <div className="live flex flex-wrap overflow-hidden rounded border border-line">
      {shown.map((group) => (
        <Count key={group.value} tone={group.tone} n={workloads.filter((w) => groupOf(w.state) === group).length} label={group.label} link={{ to: '/workloads', search: { state: [group.value] } }} />
      ))}
      <Count n={players} label={players === 1 ? 'Player' : 'Players'} link={{ to: '/workloads', search: { state: ['running'] } }} />
      <Count n={online} of={nodes.length} label="Nodes online" link={{ to: '/nodes' }} />
    </div>
  )
}

function Count({ n, of, label, tone, link }: { n: number; of?: number; label: string; tone?: Tone; link: LinkProps }) {
  return (
    <Link {...link} className="-mr-px -mb-px min-w-24 flex-1 border-r border-b border-line px-3.5 py-3 -outline-offset-2 transition-colors duration-[120ms] hover:bg-hover">
      <span className="flex items-baseline gap-1 text-20 font-semibold tracking-tight">
        {count(n)}
        {of !== undefined && <span className="text-13 font-normal text-ink-3">of {count(of)}</span>}
      </span>
      <span className="mt-0.5 flex items-center gap-1.5 text-12 whitespace-nowrap text-ink-2">
        {tone !== undefined && <Mark tone={tone} className={tone === 'changing' && n === 0 ? '[&_*]:animate-none' : undefined} />}
        {label}
      </span>
    </Link>
  )
}

const FAILED_FOR_MS = 24 * 3600 * 1000

/** What needs somebody, worst first. `isQuiet` says nothing when nothing does. */
function Wrong({ workloads, nodes, jobs, isQuiet }: { isQuiet?: boolean; workloads: Workload[] | undefined; nodes: Node[] | undefined; jobs: Job[] | undefined }) {
  const verbs = useVerbs()
  const can = useCan()
  const nameOf = useJobName()
  if (workloads === undefined || nodes === undefined || jobs === undefined) return <Waiting title="Needs attention" />
  const offline = nodes.filter((node) => node.state === 'offline')
  const broken = workloads.filter((w) => ['failed', 'degraded', 'unknown'].includes(w.state)).sort((a, b) => urgency(a.state) - urgency(b.state))
  const failed = jobs.filter((job) => job.state === 'failed' && Date.now() - Date.parse(job.finished_at ?? job.created_at) < FAILED_FOR_MS)
  const { urgent, rest } = problemsOf(nodes)
  const total = urgent.length + offline.length + broken.length + failed.length + rest.length
  const problem = ({ node, problem }: (typeof urgent)[number]) => (
    <Row key={`${node.id} ${problem.code}`} tone={toneOfProblem(problem)} link={{ to: '/nodes/$node', params: { node: node.id } }} name={node.name} word={WORDS[problem.code]} since={null} text={`${problem.message} ${problem.remedy}`} />
  )
  if (total === 0 && isQuiet === true) return null
  return (
    <Section title="Needs attention">
      <Card className="live overflow-hidden">
        {total === 0 ? (
          <p className="flex items-center gap-2.5 px-4 py-3 text-13 text-ink-2">
            <CircleCheck size={15} aria-hidden className="shrink-0 text-running" /> Nothing is wrong. Every node answers and every server does what was asked of it.
          </p>
        ) : (
          <ul>
            {urgent.map(problem)}
            {offline.map((node) => (
              <Row key={node.id} tone="failed" link={{ to: '/nodes/$node', params: { node: node.id } }} name={node.name} word="Offline" since={node.since} text={`${many(node.workload_count, 'server')} on it cannot be reached. Check that the machine and its agent run.`} />
            ))}
            {broken.map((w) => (
              <Row
                key={w.id}
                tone={toneOf(w.state)}
                link={{ to: '/workloads/$workload', params: { workload: w.id } }}
                name={w.name}
                word={wordOf(w.state)}
                since={w.since}
                text={w.reason ?? ''}
                action={
                  w.state === 'failed' && canDo('start', w) && can('workload:operate') ? (
                    <Button small onClick={() => verbs.run(w, 'start')}>
                      Start server
                    </Button>
                  ) : undefined
                }
              />
            ))}
            {failed.map((job) => (
              <Row key={job.id} tone="failed" link={{ to: '/jobs/$job', params: { job: job.id } }} name={nameOf(job)} word="Job failed" since={job.finished_at} text={job.error ?? ''} />
            ))}
            {rest.map(problem)}
          </ul>
        )}
      </Card>
      {verbs.questions}
    </Section>
  )
}

function Row({ tone, link, name, word, since, text, action }: { tone: Tone; link: LinkProps; name: string; word: string; since: string | null; text: string; action?: ReactNode }) {
  return (
    <li className="flex items-center gap-3 border-b border-line px-4 py-2 last:border-b-0 hover:bg-hover">
      <Mark tone={tone} className="mt-1 self-start" />
      <div className="min-w-0 flex-1 text-13">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <Link {...link} className="truncate font-medium hover:underline">
            {name}
          </Link>
          <span className="text-ink-2">
            {word}
            {since !== null && (
              <>
                {' '}
                <For since={since} className="text-ink-3" />
              </>
            )}
          </span>
        </p>
        {text !== '' && <p className="line-clamp-2 text-ink-2"><Told text={text} /></p>}
      </div>
      {action}
    </li>
  )
}

/** What goes on now. */
function Changing({ workloads, jobs }: { workloads: Workload[] | undefined; jobs: Job[] | undefined }) {
  const nameOf = useJobName()
  if (workloads === undefined || jobs === undefined) return <Waiting title="Changing now" />
  const active = jobs.filter((job) => !isOver(job))
  const targets = new Set(active.map((job) => job.target))
  const moving = workloads.filter((w) => groupOf(w.state).value === 'changing' && !targets.has(w.id))
  if (active.length + moving.length === 0) {
    return (
      <Section title="Changing now">
        <Card>
          <p className="px-4 py-3 text-13 text-ink-2">Nothing is changing.</p>
        </Card>
      </Section>
    )
  }
  return (
    <Section title="Changing now">
      <Card className="live overflow-hidden">
        <ul>
          {active.map((job) => (
            <li key={job.id} className="border-b border-line last:border-b-0">
              <Link to="/jobs/$job" params={{ job: job.id }} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-13 -outline-offset-2 hover:bg-hover">
                <Mark tone={jobTone(job.state)} />
                <span className="font-medium">{nameOf(job)}</span>
                <span className="min-w-0 flex-1 truncate text-ink-2">{currentStep(job)}</span>
                <Progress value={job.progress} label={nameOf(job)} className="w-24" />
                <span className="w-10 text-right text-12 text-ink-3">{job.progress} %</span>
              </Link>
            </li>
          ))}
          {moving.map((w) => (
            <Row key={w.id} tone="changing" link={{ to: '/workloads/$workload', params: { workload: w.id } }} name={w.name} word={wordOf(w.state)} since={w.since} text={w.reason ?? ''} />
          ))}
        </ul>
      </Card>
    </Section>
  )
}

/** How full each node is. */
function Full({ nodes }: { nodes: Node[] | undefined }) {
  if (nodes === undefined) return <Waiting title="How full" />
  if (nodes.length === 0) return null
  return (
    <Section title="How full" about="Memory and processor that servers may use at most, against what the machines have.">
      <Card className="overflow-hidden">
        <ul>
          {nodes.map((node) => (
            <li key={node.id} className="border-b border-line last:border-b-0">
              <Link to="/nodes/$node" params={{ node: node.id }} className="grid items-center gap-x-6 gap-y-2 px-4 py-2.5 -outline-offset-2 hover:bg-hover sm:grid-cols-[minmax(0,1.1fr)_minmax(0,1fr)_minmax(0,1fr)]">
                <span className="flex min-w-0 items-center gap-2 text-13">
                  <Mark tone={toneOf(node.state)} />
                  <span className="truncate font-medium">{node.name}</span>
                  <span className="whitespace-nowrap text-12 text-ink-3">{many(node.workload_count, 'server')}</span>
                </span>
                <Meter label="Memory" part={node.reserved_memory_bytes} whole={node.facts.memory_bytes} text={`${bytes(node.reserved_memory_bytes)} of ${bytes(node.facts.memory_bytes)}`} />
                <Meter label="Processor" part={node.reserved_cpu_millis} whole={node.facts.cpu_count * 8000} text={`${cpu(node.reserved_cpu_millis).replace(' CPU', '')} on ${node.facts.cpu_count} CPU`} />
              </Link>
            </li>
          ))}
        </ul>
      </Card>
    </Section>
  )
}

const Waiting = ({ title }: { title: string }) => (
  <Section title={title}>
    <Skeleton className="h-[46px] w-full" />
  </Section>
)

/** A new installation: the two steps to the first server. */
function FirstSteps({ hasNode }: { hasNode: boolean }) {
  const step = (n: number, isDone: boolean, icon: typeof Boxes, title: string, text: string, action: ReactNode) => {
    const Icon = icon
    return (
      <li className="flex items-start gap-4 border-b border-line px-4 py-4 last:border-b-0">
        <span className={cx('flex size-8 shrink-0 items-center justify-center rounded border border-line', isDone ? 'text-running' : 'text-ink-2')}>{isDone ? <CircleCheck size={16} aria-hidden /> : <Icon size={16} aria-hidden />}</span>
        <div className="min-w-0 flex-1">
          <h3 className="text-13 font-semibold">
            {n}. {title}
          </h3>
          <p className="mt-0.5 text-13 text-ink-2">{text}</p>
        </div>
        {!isDone && action}
      </li>
    )
  }
  return (
    <Section title="First steps">
      <Card>
        <ol>
          {step(1, hasNode, Boxes, 'Add a node', hasNode ? 'Done: there is a machine to run servers on.' : 'A machine that runs your servers. One command joins it.', <ButtonLink to="/nodes" search={{ join: true }} look="main">Add node</ButtonLink>)}
          {step(2, false, Gamepad2, 'Create a game server', 'Choose a template; it is installed, started, and watched from then on.', <ButtonLink to="/workloads/new" look={hasNode ? 'main' : 'plain'}>New game server</ButtonLink>)}
        </ol>
      </Card>
    </Section>
  )
}

