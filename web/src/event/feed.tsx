// A feed of events: marks, sentences, ages. Newest on top, live.

import { Link } from '@tanstack/react-router'
import { History } from 'lucide-react'
import type { Event } from '../api/types'
import { cx } from '../kit/cx'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Skeleton } from '../kit/skeleton'
import { Mark } from '../kit/state'
import { Ago } from '../kit/time'
import { Told } from '../kit/told'
import { useWorkspace } from '../session/me'
import { useEvents } from './api'
import { type Thing, useNames } from './names'
import { actorWord, sentence, subject as subjectOf } from './sentence'

export interface FeedProps {
  /** Only about this thing. */
  subject?: string
  /** Only these nouns. */
  topics?: string[]
  most: number
  /** One line each, without the actor. */
  isBrief?: boolean
}

export function Feed({ subject, topics, most, isBrief }: FeedProps) {
  const { workspace } = useWorkspace()
  const { events, error, retry } = useEvents(workspace, subject)
  const nameOf = useNames(events)
  if (events === undefined) {
    if (error != null) return <ErrorBox error={error} doing="read the events" onRetry={retry} />
    return (
      <div role="status" aria-label="Loading events" className="flex flex-col gap-3">
        {Array.from({ length: Math.min(most, 6) }, (_, i) => (
          <Skeleton key={i} className="h-4 w-full" />
        ))}
      </div>
    )
  }
  const wanted = events.filter((event) => topics === undefined || topics.some((topic) => event.type.startsWith(`${topic}.`)))
  const shown = (isBrief === true ? gist(wanted, subject === undefined ? 3 : most) : wanted).slice(0, most)
  if (shown.length === 0) {
    return isBrief === true ? (
      <p className="text-13 text-ink-3">Nothing has happened yet.</p>
    ) : (
      <Empty icon={History} title="Nothing has happened yet">
        Every change shows up here as it happens: what was asked for, what the nodes report, what jobs do.
      </Empty>
    )
  }
  return (
    <ol aria-label="Events" className="flex flex-col">
      {shown.map((event) => (
        <Entry key={event.seq} event={event} thing={nameOf(event)} isBrief={isBrief === true} hidesName={subject !== undefined} />
      ))}
    </ol>
  )
}

/** Several reports in a row of one thing being in one state are one line, the newest; and no thing fills the feed alone. */
export function gist(events: Event[], each: number): Event[] {
  const seen = new Map<string, string>()
  const shown = new Map<string, number>()
  return events.filter((event) => {
    const about = subjectOf(event)
    const { text } = sentence(event)
    const isSame = seen.get(about) === text || (event.type === 'job.changed' && event.state === 'running' && seen.has(about))
    seen.set(about, text)
    const count = shown.get(about) ?? 0
    if (isSame || count >= each) return false
    shown.set(about, count + 1)
    return true
  })
}

function Entry({ event, thing, isBrief, hidesName }: { event: Event; thing: Thing; isBrief: boolean; hidesName: boolean }) {
  const { tone, text, detail } = sentence(event)
  const name = <span className="font-medium">{thing.name}</span>
  return (
    <li className={cx('flex gap-2.5 text-13', isBrief ? 'py-1' : 'border-b border-line py-2 last:border-b-0')}>
      {/* An event is over: nothing turns any more. */}
      <Mark tone={tone} className={cx('mt-1', tone === 'changing' && '[&_*]:animate-none')} />
      <div className="min-w-0 flex-1">
        <p className={cx('break-words', isBrief && 'line-clamp-2')}>
          {hidesName ? (
            text.charAt(0).toUpperCase() + text.slice(1)
          ) : (
            <>
              {thing.link === undefined ? (
                name
              ) : (
                <Link {...thing.link} className="hover:underline">
                  {name}
                </Link>
              )}{' '}
              {text}
            </>
          )}
          {detail !== undefined && detail !== '' && <span className="text-ink-2"> · <Told isInner text={detail} /></span>}
        </p>
        {!isBrief && <p className="text-12 text-ink-3">by {actorWord(event.actor)}</p>}
      </div>
      <Ago at={event.at} className="shrink-0 text-12 leading-5 whitespace-nowrap text-ink-3" />
    </li>
  )
}
