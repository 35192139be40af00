// The tray: long work that goes on while one looks at something else. It shows jobs that began or ended while the page is open.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ChevronDown, X } from 'lucide-react'
import { useState } from 'react'
import type { Job } from '../api/types'
import { IconButton } from '../kit/button'
import { cx } from '../kit/cx'
import { many } from '../kit/format'
import { Progress } from '../kit/meter'
import { Mark, toneOf } from '../kit/state'
import { useWorkspace } from '../session/me'
import { isOver, jobsQuery } from './api'
import { useJobName } from './names'
import { spelled } from './words'

export function Tray() {
  const { workspace } = useWorkspace()
  const [opened] = useState(() => Date.now())
  const [hidden, setHidden] = useState<Set<string>>(new Set())
  const [isSmall, setSmall] = useState(false)
  const nameOf = useJobName()
  const jobs = useQuery(jobsQuery(workspace)).data?.items ?? []
  const shown = jobs.filter((job) => !hidden.has(job.id) && isOfNow(job, opened)).slice(0, 5)
  if (shown.length === 0) return null
  const active = shown.filter((job) => !isOver(job)).length
  return (
    <section aria-label="Jobs" className="appear overflow-hidden rounded border border-line bg-raised shadow-float">
      <header className="flex h-9 items-center gap-1 pr-1 pl-3 text-13">
        <h2 className="flex-1 font-medium">{active > 0 ? `${many(active, 'job')} under way` : 'Jobs are done'}</h2>
        <IconButton icon={ChevronDown} label={isSmall ? 'Show the jobs' : 'Make it small'} onClick={() => setSmall(!isSmall)} className={cx(isSmall && '[&>svg]:rotate-180')} />
        <IconButton icon={X} label="Hide these jobs" onClick={() => setHidden(new Set([...hidden, ...shown.map((job) => job.id)]))} />
      </header>
      {!isSmall && (
        <ul>
          {shown.map((job) => (
            <li key={job.id} className="border-t border-line">
              <Link to="/jobs/$job" params={{ job: job.id }} className="flex flex-col gap-1.5 px-3 py-2 -outline-offset-2 hover:bg-hover">
                <span className="flex items-center gap-2 text-13">
                  <Mark tone={toneOf(job.state)} />
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
      )}
    </section>
  )
}

/** Jobs under way, and those that ended since this page was opened; a good end goes away by itself. */
const STAY_MS = 8000

export function isOfNow(job: Pick<Job, 'state' | 'finished_at'>, opened: number, now = Date.now()): boolean {
  if (job.finished_at === null) return !isOver(job)
  const at = Date.parse(job.finished_at)
  if (at < opened) return false
  return job.state === 'failed' || now - at < STAY_MS
}

export function currentStep(job: Pick<Job, 'steps' | 'state'>): string {
  const step = job.steps.find((s) => s.state === 'running') ?? job.steps.find((s) => s.state === 'waiting')
  if (step === undefined) return ''
  return job.state === 'unwinding' ? `Undoing: ${spelled(step.name).toLowerCase()}` : spelled(step.name)
}
