// Jobs: the list, and one job with its steps and live log.

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { ListChecks } from 'lucide-react'
import type { Job } from '../api/types'
import { Button, ButtonLink } from '../kit/button'
import { cx } from '../kit/cx'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { clock, span } from '../kit/format'
import { Progress } from '../kit/meter'
import { PageSkeleton } from '../kit/skeleton'
import { Mark, State, toneOf, wordOf } from '../kit/state'
import { type Column, Table } from '../kit/table'
import { Ago } from '../kit/time'
import { useCan, useWorkspace } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { FactList } from '../workload/peek'
import { isOver, jobQuery, jobsQuery, useCancel } from './api'
import { useJobName } from './names'
import { currentStep } from './tray'
import { jobTone, spelled } from './words'

export function ListPage() {
  const { workspace } = useWorkspace()
  const navigate = useNavigate()
  const list = useQuery(jobsQuery(workspace))
  const nameOf = useJobName()
  const columns: Column<Job>[] = [
    { id: 'name', label: 'Job', sort: nameOf, cell: (job) => <span className="block max-w-[44vw] truncate font-medium sm:max-w-80">{nameOf(job)}</span> },
    { id: 'state', label: 'State', sort: (job) => job.state, cell: (job) => <State tone={jobTone(job.state)} word={wordOf(job.state)} since={isOver(job) ? null : job.started_at} /> },
    {
      id: 'progress',
      label: 'Progress',
      from: 'md',
      isFluid: true,
      cell: (job) =>
        isOver(job) ? (
          <span className="block truncate text-ink-3">{job.error ?? `${job.steps.length} steps`}</span>
        ) : (
          <span className="flex items-center gap-3">
            <Progress value={job.progress} label={nameOf(job)} className="w-24" />
            <span className="truncate text-ink-2">{currentStep(job)}</span>
          </span>
        ),
    },
    { id: 'by', label: 'By', from: 'lg', width: '180px', cell: (job) => <span className="block max-w-40 truncate text-ink-2">{job.created_by}</span> },
    { id: 'took', label: 'Took', from: 'md', width: '80px', isRight: true, cell: (job) => <span className="text-ink-2">{took(job)}</span> },
    { id: 'at', label: 'Begun', from: 'sm', width: '110px', isRight: true, sort: (job) => job.created_at, cell: (job) => <Ago at={job.created_at} className="text-ink-3" /> },
  ]
  return (
    <>
      <Header title="Jobs" />
      <Content full>
        {list.error !== null && list.data === undefined ? (
          <div className="p-4 sm:p-6">
            <ErrorBox error={list.error} doing="read the jobs" onRetry={() => void list.refetch()} />
          </div>
        ) : (
          <Table
            isMain
            label="Jobs"
            columns={columns}
            rows={list.data?.items}
            rowId={(job) => job.id}
            rowLabel={nameOf}
            onOpen={(job) => void navigate({ to: '/jobs/$job', params: { job: job.id } })}
            empty={
              <Empty icon={ListChecks} title="No jobs yet">
                What takes long runs as a job: creating and deleting a server, for example. Each has steps, a log, and can be undone when a step fails.
              </Empty>
            }
          />
        )}
      </Content>
    </>
  )
}

function took(job: Job): string {
  if (job.started_at === null || job.finished_at === null) return '–'
  return span(Date.parse(job.finished_at) - Date.parse(job.started_at))
}

export function DetailPage() {
  const { job: id } = useParams({ from: '/app/jobs/$job' })
  const { data: job, error, refetch } = useQuery(jobQuery(id))
  const nameOf = useJobName()
  const cancel = useCancel()
  const can = useCan()
  const above = { label: 'Jobs', link: { to: '/jobs' } as const }
  if (job === undefined) {
    if (error === null) return <PageSkeleton />
    return (
      <>
        <Header title="Job" above={above} />
        <Content>
          <ErrorBox error={error} doing="show this job" onRetry={() => void refetch()} />
        </Content>
      </>
    )
  }
  return (
    <>
      <Header
        title={nameOf(job)}
        above={above}
        state={<State tone={jobTone(job.state)} word={wordOf(job.state)} since={isOver(job) ? null : job.started_at} />}
        actions={
          <>
            {job.target.startsWith('wl_') && (
              <ButtonLink to="/workloads/$workload" params={{ workload: job.target }}>
                Open server
              </ButtonLink>
            )}
            {job.can_cancel && !isOver(job) && (
              <Button disabled={!can('job:operate')} isPending={cancel.isPending} onClick={() => cancel.mutate(id)}>
                Cancel job
              </Button>
            )}
          </>
        }
      />
      <Content>
        <div className="grid items-start gap-6 lg:grid-cols-[320px_minmax(0,1fr)]">
          <div className="flex flex-col gap-6">
            <Section title="Steps">
              <Card className="px-3 py-1">
                <Steps job={job} />
              </Card>
            </Section>
            <Section title="About">
              <Card className="px-3 py-2">
                <FactList facts={[['Begun', <Ago key="b" at={job.created_at} />], ['By', job.created_by], ['Took', took(job)], ['Kind', job.kind]]} />
              </Card>
            </Section>
          </div>
          <div className="flex min-w-0 flex-col gap-4">
            {cancel.error !== null && <ErrorBox error={cancel.error} doing="cancel the job" />}
            {job.error !== null && (
              <p role="alert" className="rounded border border-failed/30 bg-failed-soft px-3 py-2 text-13">
                {job.error}
              </p>
            )}
            <Section title="Log">
              <Log lines={job.log} />
            </Section>
          </div>
        </div>
      </Content>
    </>
  )
}

function Steps({ job }: { job: Job }) {
  return (
    <ol className="live flex flex-col">
      {job.steps.map((step) => (
        <li key={step.name} className="flex h-9 items-center gap-2.5 border-b border-line text-13 last:border-b-0">
          <Mark tone={step.state === 'running' ? 'changing' : toneOf(step.state)} />
          <span className={cx('flex-1', step.state === 'waiting' && 'text-ink-3')}>{spelled(step.name)}</span>
          <span className="text-12 text-ink-3">{step.state}</span>
        </li>
      ))}
    </ol>
  )
}

function Log({ lines }: { lines: { seq: number; at: string; text: string }[] }) {
  return (
    <div role="log" aria-label="Job log" tabIndex={0} className="max-h-[60vh] overflow-y-auto rounded border border-line bg-bg py-2 font-mono text-12 leading-5">
      {lines.length === 0 && <p className="px-3 text-ink-3">Nothing yet.</p>}
      {lines.map((line) => (
        <div key={line.seq} className="flex gap-3 px-3">
          <time dateTime={line.at} className="shrink-0 text-ink-3">
            {clock(Date.parse(line.at))}
          </time>
          <span className="min-w-0 break-words whitespace-pre-wrap">{line.text}</span>
        </div>
      ))}
    </div>
  )
}
