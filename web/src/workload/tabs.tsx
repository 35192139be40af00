// The tabs of a game server's page.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { asError } from '../api/error'
import type { Workload } from '../api/types'
import { Feed } from '../event/feed'
import { Button } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { problem } from '../kit/problem'
import { type ObjectSchema, defaults, widgetOf } from '../kit/schema'
import { SchemaForm, SwitchField } from '../kit/schema-form'
import { Skeleton } from '../kit/skeleton'
import { notify } from '../kit/notice'
import { Card, Content, Section } from '../shell/header'
import { templateQuery, useUpdate, variablesOf } from './api'
import { type Draft, changes } from './change'
import { Charts } from './charts'
import { Conditions } from './conditions'
import { Console } from './console'
import { nameProblem, strip } from './create'
import { LimitsForm } from './limits'
import { useShown } from './page'
import { Facts } from './peek'
import { useMay } from './rights'

export function OverviewTab() {
  const workload = useShown()
  return (
    <Content>
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-6">
          <Section title="Now" action={<span className="text-12 text-ink-3">since this page is open, at most 10 minutes</span>}>
            <Charts workload={workload} />
          </Section>
          <Section title="Parts on the node">
            <Card className="px-3 py-1">
              <Conditions workload={workload} />
            </Card>
          </Section>
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          <Section title="About">
            <Card className="px-3 py-2">
              <Facts workload={workload} />
            </Card>
          </Section>
          <Section title="Activity" action={<Link to="/workloads/$workload/activity" params={{ workload: workload.id }} className="text-12 text-ink-2 hover:text-ink hover:underline">All</Link>}>
            <Feed subject={workload.id} most={8} isBrief />
          </Section>
        </div>
      </div>
    </Content>
  )
}

export function ConsoleTab() {
  return <Console workload={useShown()} />
}

export function ActivityTab() {
  return (
    <Content>
      <Feed subject={useShown().id} most={200} />
    </Content>
  )
}

export function SettingsTab() {
  const workload = useShown()
  const template = useQuery(templateQuery(workload.template))
  return (
    <Content>
      {template.error !== null && <ErrorBox error={template.error} doing="read the template" onRetry={() => void template.refetch()} />}
      {template.data === undefined && template.error === null && <Skeleton className="h-64 w-full" />}
      {template.data !== undefined && <SettingsForm key={workload.id} workload={workload} schema={variablesOf(template.data)} title={template.data.template.title} />}
    </Content>
  )
}

function SettingsForm({ workload, schema, title }: { workload: Workload; schema: ObjectSchema; title: string }) {
  const start = (): Draft => ({ name: workload.name, values: { ...defaults(schema), ...workload.variables }, limits: workload.limits })
  const [draft, setDraft] = useState<Draft>(start)
  const [restart, setRestart] = useState(false)
  const update = useUpdate(workload)
  const may = useMay()
  const change = changes(workload, schema, draft)
  const parts = Object.keys(change).length
  const problems: Record<string, string | undefined> = update.error === null ? {} : { ...asError(update.error).fields }
  problems.name ??= nameProblem(draft.name)
  for (const [name, field] of Object.entries(schema.properties)) {
    const isSecret = widgetOf(field) === 'secret'
    problems[`variables.${name}`] ??= problem(field, draft.values[name], schema.required.includes(name) && !isSecret)
  }
  const isWrong = Object.values(problems).some((text) => text !== undefined)
  const save = () =>
    update.mutate(
      { ...change, restart },
      {
        onSuccess: (fresh) => {
          setDraft({ name: fresh.name, values: { ...defaults(schema), ...fresh.variables }, limits: fresh.limits })
          notify(restart ? 'Saved; the server restarts' : change.variables === undefined ? 'Saved' : 'Saved; takes effect at the next start')
        },
      },
    )
  const mayWrite = may('workload:write', workload)
  return (
    <form
      noValidate
      className="mx-auto flex max-w-2xl flex-col gap-6"
      onSubmit={(submit) => {
        submit.preventDefault()
        if (!isWrong && parts > 0) save()
      }}
    >
      <fieldset disabled={!mayWrite} className="contents">
        <Section title="Server">
          <Card className="p-4">
            <Field label="Name" error={problems.name}>
              {(wiring) => <Input {...wiring} value={draft.name} onChange={(typed) => setDraft({ ...draft, name: typed.target.value })} />}
            </Field>
          </Card>
        </Section>
        {Object.keys(schema.properties).length > 0 && (
          <Section title={title} about="Takes effect at the next start.">
            <Card className="p-4">
              <SchemaForm keepsSecrets schema={schema} values={draft.values} problems={strip(problems, 'variables.')} onTouch={() => {}} onChange={(name, value) => setDraft({ ...draft, values: { ...draft.values, [name]: value } })} />
            </Card>
          </Section>
        )}
        <Section title="Limits" about="Applied at once where the node can.">
          <Card className="p-4">
            <LimitsForm limits={draft.limits} onChange={(limits) => setDraft({ ...draft, limits })} problems={problems} />
          </Card>
        </Section>
      </fieldset>
      {update.error !== null && <ErrorBox error={update.error} doing="save the settings" />}
      <div className="sticky bottom-0 -mx-4 flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line bg-surface px-4 py-3 sm:-mx-6 sm:px-6">
        <Button look="main" type="submit" disabled={!mayWrite || parts === 0 || isWrong} isPending={update.isPending}>
          Save settings
        </Button>
        <Button look="ghost" disabled={parts === 0} onClick={() => setDraft(start())}>
          Discard
        </Button>
        <div className="ml-auto">
          <SwitchField label="Restart now" isOn={restart} onChange={setRestart} />
        </div>
      </div>
    </form>
  )
}
