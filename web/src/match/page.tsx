// One match: its state and actions; live while it is on, a replay once it is over.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { OctagonX, Pause, Play, TimerOff, Unplug } from 'lucide-react'
import { useState } from 'react'
import type { Match, MatchDetail, MatchTitle } from '../api/types'
import { Button } from '../kit/button'
import { Copy } from '../kit/code'
import { Confirm } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { count, many, position } from '../kit/format'
import type { Values } from '../kit/schema'
import { SchemaForm } from '../kit/schema-form'
import { PageSkeleton } from '../kit/skeleton'
import { State } from '../kit/state'
import { Ago } from '../kit/time'
import { useCan } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { type Verb, act, matchQuery, titlesQuery } from './api'
import { changes, formOf, problemsOf } from './config'
import { Live } from './live'
import { phaseTone, phaseWord } from './phase'
import { Replay } from './replay'

const LOST: Record<NonNullable<Match['lost']>, string> = {
  host_deleted: 'The match host that ran it was deleted, and its turns with it. The list keeps what is known of it.',
  missing: 'Its worker does not know it any more, so its turns cannot be shown. The list keeps what is known of it.',
}

export function Page() {
  const { match: id } = useParams({ from: '/app/matches/$match' })
  const of = useQuery(matchQuery(id))
  const titles = useQuery(titlesQuery)
  const client = useQueryClient()
  const [isEnding, setEnding] = useState(false)
  const verb = useMutation({
    mutationFn: (what: Verb) => act(id, what),
    onSuccess: async (detail) => {
      setEnding(false)
      if (detail !== undefined) client.setQueryData<MatchDetail>(['match', id], (held) => (held === undefined ? detail : { ...held, info: detail.info ?? held.info }))
      await client.invalidateQueries({ queryKey: ['match', id] })
    },
  })
  if (of.data === undefined) {
    return (
      <>
        <Header title={id} above={{ label: 'Matches', link: { to: '/matches' } }} />
        <Content>{of.error === null ? <PageSkeleton /> : <ErrorBox error={of.error} doing="read the match" onRetry={() => void of.refetch()} />}</Content>
      </>
    )
  }
  const { match } = of.data
  const title = titles.data?.items.find((one) => one.id === match.title)
  const paceMs = title?.turn_ms ?? 100
  const isOver = match.phase === 'finished'
  return (
    <>
      <Header
        title={id}
        above={{ label: 'Matches', link: { to: '/matches' } }}
        state={<State tone={phaseTone(match.phase)} word={phaseWord(match.phase)} since={match.ended_at ?? match.started_at ?? match.created_at} />}
        actions={!isOver && <Actions of={of.data} isPending={verb.isPending} onVerb={(what) => verb.mutate(what)} onEnd={() => setEnding(true)} />}
      />
      <Content>
        <div className="flex flex-col gap-6">
          {verb.error !== null && !isEnding && <ErrorBox error={verb.error} doing="do that" onDismiss={() => verb.reset()} />}
          <Facts of={of.data} title={title} />
          {match.lost != null ? (
            <Empty icon={Unplug} title="This match ended without an archive">
              {LOST[match.lost]}
            </Empty>
          ) : isOver ? (
            <Replay id={id} title={match.title} paceMs={paceMs} />
          ) : (
            <Live of={of.data} title={title}>
              {of.data.info != null && title !== undefined && <Configure key={JSON.stringify(of.data.info.gameConfig)} of={of.data} title={title} isPending={verb.isPending} onVerb={(what) => verb.mutate(what)} />}
            </Live>
          )}
        </div>
      </Content>
      <Confirm
        isOpen={isEnding}
        onClose={() => setEnding(false)}
        title={`End match ${id}?`}
        losses={[`${many(match.players, 'player')} ${match.players === 1 ? 'is' : 'are'} put out.`, 'It is archived and cannot be resumed.']}
        verb="End match"
        isPending={verb.isPending}
        error={isEnding ? verb.error : null}
        onConfirm={() => verb.mutate({ verb: 'end' })}
      />
    </>
  )
}

function Actions({ of, isPending, onVerb, onEnd }: { of: MatchDetail; isPending: boolean; onVerb: (what: Verb) => void; onEnd: () => void }) {
  const can = useCan()
  const isSet = of.info?.startsAt != null
  const isPaused = of.stats?.isPaused === true
  return (
    <>
      {can('match:operate') &&
        (of.match.phase === 'lobby' ? (
          <Button look={isSet ? 'plain' : 'main'} icon={isSet ? TimerOff : Play} isPending={isPending} onClick={() => onVerb({ verb: 'start', is_set: !isSet })}>
            {isSet ? 'Hold start' : 'Start match'}
          </Button>
        ) : (
          <Button look={isPaused ? 'main' : 'plain'} icon={isPaused ? Play : Pause} isPending={isPending} onClick={() => onVerb({ verb: 'pause', paused: !isPaused })}>
            {isPaused ? 'Resume' : 'Pause'}
          </Button>
        ))}
      {can('match:write') && (
        <Button icon={OctagonX} onClick={onEnd}>
          End
        </Button>
      )}
    </>
  )
}

function Facts({ of: { match, info, stats }, title }: { of: MatchDetail; title: MatchTitle | undefined }) {
  const facts: [string, React.ReactNode][] = [
    ['Title', title?.name ?? match.title],
    ['Made by', match.made_by],
    ['Made', <Ago key="made" at={match.created_at} />],
  ]
  if (match.phase === 'lobby') facts.push(['Starts', info?.startsAt == null ? 'not set' : <Ago key="starts" at={info.startsAt} />])
  else facts.push(['Started', match.started_at === null ? 'never' : <Ago key="started" at={match.started_at} />])
  if (match.phase === 'finished') facts.push(['Length', match.started_at === null || match.ended_at === null ? '–' : position(Date.parse(match.ended_at) - Date.parse(match.started_at))], ['Turns', count(match.turns)])
  else {
    facts.push([
      'Socket',
      <span key="socket" className="flex items-center gap-1">
        <code className="font-mono text-12">/{match.worker_path}</code>
        <Copy label="Copy the socket’s address" text={`${window.location.origin.replace(/^http/, 'ws')}/${match.worker_path}`} className="-my-1" />
      </span>,
    ])
  }
  if (stats != null && match.phase === 'active') facts.push(['Dropped intents', count(stats.droppedIntents)])
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-3 lg:grid-cols-6">
      {facts.map(([label, value]) => (
        <div key={label} className="min-w-0">
          <dt className="text-12 text-ink-3">{label}</dt>
          <dd className="mt-0.5 h-5 truncate text-13">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Configure({ of, title, isPending, onVerb }: { of: MatchDetail; title: MatchTitle; isPending: boolean; onVerb: (what: Verb) => void }) {
  const can = useCan()
  const before = of.info?.gameConfig ?? {}
  const [values, setValues] = useState<Values>({})
  const form = formOf(title.config_schema, title.defaults)
  const after = { ...before, ...values }
  const next = changes(form, before, after, title.cleared_when_omitted)
  const isChanged = Object.keys(next).length > 0
  const problems = problemsOf(form, after)
  const mayWrite = can('match:write')
  return (
    <Section title="Configuration" about={mayWrite ? 'Everybody in the lobby sees a change at once. After the start it is final.' : 'Who may manage matches can change it until the start.'}>
      <Card>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (problems.isFine) onVerb({ verb: 'configure', config: next })
          }}
        >
          <fieldset disabled={!mayWrite} className="p-4">
            <legend className="sr-only">Configuration</legend>
            <SchemaForm isWide schema={form} values={after} onChange={(name, value) => setValues((now) => ({ ...now, [name]: value }))} problems={problems.of} onTouch={() => {}} />
          </fieldset>
          {mayWrite && (
            <footer className="flex justify-end gap-2 border-t border-line px-4 py-3">
              {isChanged && <Button onClick={() => setValues({})}>Discard</Button>}
              <Button look={isChanged ? 'main' : 'plain'} type="submit" disabled={!isChanged || !problems.isFine} isPending={isPending}>
                Save configuration
              </Button>
            </footer>
          )}
        </form>
      </Card>
    </Section>
  )
}
