// The tray: long work that goes on while one looks at something else. It shows what began or failed while the page is open;
// what was under way before is counted in the rail.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useState } from 'react'
import type { Job } from '../api/types'
import { IconButton } from '../kit/button'
import { many } from '../kit/format'
import { Progress } from '../kit/meter'
import { Mark } from '../kit/state'
import { useNow } from '../kit/time'
import { useWorkspace } from '../session/me'
import { isOver, jobsQuery } from './api'
import { useJobName } from './names'
import { jobTone, spelled } from './words'

/** How many jobs are under way. */
export function useActiveJobs(): number {
  const { workspace } = useWorkspace()
  return useQuery(jobsQuery(workspace)).data?.items.filter((job) => !isOver(job)).length ?? 0
}

export function Tray() {
  const { workspace } = useWorkspace()
  const [opened] = useState(() => Date.now())
  const [hidden, setHidden] = useState<Set<string>>(new Set())
  const jobs = useQuery(jobsQuery(workspace)).data?.items ?? []
  const mine = jobs.filter((job) => !hidden.has(job.id) && Date.parse(job.created_at) > opened - SKEW_MS)
  return mine.length === 0 ? null : <Shown jobs={mine} onHide={() => setHidden(new Set([...hidden, ...mine.map((job) => job.id)]))} />
}

/** Clocks differ a little between here and the server. */
const SKEW_MS = 2000

function Shown({ jobs, onHide }: { jobs: Job[]; onHide: () => void }) {
  const now = useNow()
  const nameOf = useJobName()
  const shown = jobs.filter((job) => isNews(job, now)).slice(0, 5)
  if (shown.length === 0) return null
  const active = shown.filter((job) => !isOver(job)).length
  const title = active > 0 ? `${many(active, 'job')} under way` : shown.some((job) => job.state === 'failed') ? 'A job has failed' : 'Done'
  return (
    <section aria-label="Jobs" className="appear overflow-hidden rounded border border-line bg-raised shadow-float">
      <header className="flex h-9 items-center gap-1 pr-1 pl-3 text-13">
        <h2 className="flex-1 font-medium">{title}</h2>
        <IconButton icon={X} label="Hide these jobs" onClick={onHide} />
      </header>
      <ul>
        {shown.map((job) => (
          <li key={job.id} className="border-t border-line">
            <Link to="/jobs/$job" params={{ job: job.id }} className="flex flex-col gap-1.5 px-3 py-2 -outline-offset-2 hover:bg-hover">
              <span className="flex items-center gap-2 text-13">
                <Mark tone={jobTone(job.state)} />
                <span className="min-w-0 flex-1 truncate">{nameOf(job)}</span>
                <span className="text-12 text-ink-3">{isOver(job) ? job.state : `${job.progress} %`}</span>
              </span>
              {!isOver(job) && (
                <>
                  <Progress value={job.progress} label={nameOf(job)} />
                  <span className="truncate text-12 text-ink-2">{currentStep(job)}</span>
                </>
              )}
              {job.error !== null && <span className="line-clamp-2 text-12 text-failed">{job.error}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** A good end goes away by itself, a bad one stays until it is hidden. */
const STAY_MS = 8000

export function isNews(job: Pick<Job, 'state' | 'finished_at'>, now: number): boolean {
  if (!isOver(job) || job.state === 'failed') return true
  return job.finished_at !== null && now - Date.parse(job.finished_at) < STAY_MS
}

export function currentStep(job: Pick<Job, 'steps' | 'state'>): string {
  const step = job.steps.find((s) => s.state === 'running') ?? job.steps.find((s) => s.state === 'waiting')
  if (step === undefined) return ''
  return job.state === 'unwinding' ? `Undoing: ${spelled(step.name).toLowerCase()}` : spelled(step.name)
}
