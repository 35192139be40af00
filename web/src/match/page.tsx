// One match: its state and actions; live while it is on, a replay once it is over.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { OctagonX, Pause, Play, TimerOff } from 'lucide-react'
import { useState } from 'react'
import type { MatchDetail } from '../api/types'
import { Button } from '../kit/button'
import { Copy } from '../kit/code'
import { Confirm } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { count, many } from '../kit/format'
import type { Values } from '../kit/schema'
import { SchemaForm } from '../kit/schema-form'
import { PageSkeleton } from '../kit/skeleton'
import { State } from '../kit/state'
import { Ago } from '../kit/time'
import { useCan } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { type Verb, act, matchQuery, titlesQuery } from './api'
import { changes, formOf } from './config'
import { Live } from './live'
import { phaseTone, phaseWord } from './phase'
import { Replay } from './replay'

export function Page() {
  const { match: id } = useParams({ from: '/app/matches/$match' })
  const of = useQuery(matchQuery(id))
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
          <Facts of={of.data} />
          {isOver ? <Replay id={id} title={match.title} /> : <Live of={of.data} />}
          {match.phase === 'lobby' && of.data.info != null && <Configure key={JSON.stringify(of.data.info.gameConfig)} of={of.data} isPending={verb.isPending} onVerb={(what) => verb.mutate(what)} />}
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

function Facts({ of: { match, info, stats } }: { of: MatchDetail }) {
  const facts: [string, React.ReactNode][] = [
    ['Title', match.title],
    ['Made by', match.made_by],
    ['Made', <Ago key="made" at={match.created_at} />],
    [
      'Players join at',
      <span key="join" className="inline-flex items-center gap-1">
        <code className="font-mono text-12">/{match.worker_path}</code>
        <Copy label="Copy the socket’s address" text={`${window.location.origin.replace(/^http/, 'ws')}/${match.worker_path}`} />
      </span>,
    ],
    match.phase === 'finished' ? ['Turns', count(match.turns)] : ['Starts', info?.startsAt == null ? (match.phase === 'lobby' ? 'not set' : 'started') : <Ago key="starts" at={info.startsAt} />],
  ]
  if (stats != null) facts.push(['Dropped intents', count(stats.droppedIntents)])
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-3 lg:grid-cols-6">
      {facts.map(([label, value]) => (
        <div key={label} className="min-w-0">
          <dt className="text-12 text-ink-3">{label}</dt>
          <dd className="truncate text-13">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Configure({ of, isPending, onVerb }: { of: MatchDetail; isPending: boolean; onVerb: (what: Verb) => void }) {
  const can = useCan()
  const titles = useQuery(titlesQuery)
  const title = titles.data?.items.find((one) => one.id === of.match.title)
  const before = of.info?.gameConfig ?? {}
  const [values, setValues] = useState<Values>({})
  if (title === undefined || !can('match:write')) return null
  const form = formOf(title.config_schema)
  const next = changes(form, before, { ...before, ...values }, title.cleared_when_omitted)
  const isChanged = Object.keys(next).length > 0
  return (
    <Section title="Configuration" about="Everybody in the lobby sees a change at once. After the start it is final.">
      <Card className="p-4">
        <form
          className="flex flex-col gap-5"
          onSubmit={(event) => {
            event.preventDefault()
            onVerb({ verb: 'configure', config: next })
          }}
        >
          <SchemaForm schema={form} values={{ ...before, ...values }} onChange={(name, value) => setValues((now) => ({ ...now, [name]: value }))} problems={{}} onTouch={() => {}} />
          <div className="flex gap-2">
            <Button look="main" type="submit" disabled={!isChanged} isPending={isPending}>
              Save configuration
            </Button>
            {isChanged && <Button onClick={() => setValues({})}>Discard</Button>}
          </div>
        </form>
      </Card>
    </Section>
  )
}
