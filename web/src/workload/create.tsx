// New game server: a template, then one form made from its schema, also shown as YAML and as a command.

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { ArrowLeft, ChevronRight } from 'lucide-react'
import { type ReactNode, useMemo, useState } from 'react'
import { asError } from '../api/error'
import type { Limits, Runtime, Template, WorkloadCreate } from '../api/types'
import { Button, ButtonLink } from '../kit/button'
import { Code } from '../kit/code'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { bytes } from '../kit/format'
import { problem } from '../kit/problem'
import { type Values, chosen, defaults, widgetOf } from '../kit/schema'
import { SchemaForm, SwitchField } from '../kit/schema-form'
import { Select } from '../kit/select'
import { Skeleton } from '../kit/skeleton'
import { Segments, Tabs } from '../kit/tabs'
import { yaml } from '../kit/yaml'
import { nodesQuery } from '../node/api'
import { useWorkspace } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { templatesQuery, useCreate, variablesOf } from './api'
import { createCommand } from './command'
import { LimitsForm } from './limits'
import { useMayMake } from './rights'

export function Page() {
  const { template: name } = useSearch({ from: '/app/workloads/new' })
  const templates = useQuery(templatesQuery)
  const mayMake = useMayMake()
  const offered = templates.data?.items.filter(mayMake)
  const template = offered?.find((t) => t.template.name === name)
  return (
    <>
      <Header title="New game server" above={{ label: 'Games', link: { to: '/workloads' } }} />
      <Content>
        {templates.error !== null && <ErrorBox error={templates.error} doing="read the templates" onRetry={() => void templates.refetch()} />}
        {templates.data === undefined && templates.error === null && <Skeleton className="h-64 w-full" />}
        {offered !== undefined && (template === undefined ? <Choose templates={offered} /> : <Form key={template.template.name} view={template} />)}
      </Content>
    </>
  )
}

function Choose({ templates }: { templates: Template[] }) {
  return (
    <Section title="What shall it be?">
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {templates.map(({ template }) => (
          <li key={template.name}>
            <Link
              to="/workloads/new"
              search={{ template: template.name }}
              className="group flex h-full flex-col rounded border border-line bg-surface p-4 transition-colors duration-[120ms] hover:border-line-strong hover:bg-hover"
            >
              <span className="flex items-center justify-between text-14 font-semibold">
                {template.title}
                <ChevronRight size={16} aria-hidden className="text-ink-3 transition-transform duration-[120ms] group-hover:translate-x-0.5" />
              </span>
              <span className="mt-1 flex-1 text-13 text-ink-2">{template.summary}</span>
              <span className="mt-3 flex flex-wrap gap-x-3 text-12 text-ink-3">
                <span>{runtimes(template).join(' or ')}</span>
                <span>{template.limits?.memory_bytes ? bytes(template.limits.memory_bytes) : 'no memory limit'}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function runtimes({ runtimes: offered }: Template['template']): Runtime[] {
  return (['process', 'container'] as const).filter((runtime) => offered[runtime] != null)
}

const ANY = 'any'
const LIMITS: Limits = { memory_bytes: 512 * 1024 ** 2, cpu_millis: 1000, pids: 256, disk_bytes: 10 * 1024 ** 3 }

/** What the form holds. */
interface Draft {
  name: string
  runtime: string
  node: string
  limits: Limits
  values: Values
  start: boolean
}

function useDraft(view: Template) {
  const schema = useMemo(() => variablesOf(view), [view])
  const own: Limits = { ...LIMITS, ...view.template.limits }
  const [draft, setDraft] = useState<Draft>({ name: '', runtime: ANY, node: ANY, limits: own, values: defaults(schema), start: true })
  const [touched, setTouched] = useState<Set<string>>(new Set())
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }))
  const touch = (name: string) => setTouched((old) => new Set(old).add(name))
  const wrong: Record<string, string | undefined> = { name: nameProblem(draft.name) }
  for (const [field, rules] of Object.entries(schema.properties)) {
    wrong[`variables.${field}`] = problem(rules, draft.values[field], schema.required.includes(field))
  }
  const body: WorkloadCreate = {
    name: draft.name.trim(),
    template: view.template.name,
    variables: chosen(schema, draft.values),
    ...(draft.runtime === ANY ? {} : { runtime: draft.runtime as Runtime }),
    ...(draft.node === ANY ? {} : { node: draft.node }),
    ...(JSON.stringify(draft.limits) === JSON.stringify(own) ? {} : { limits: draft.limits }),
    start: draft.start,
  }
  return { schema, draft, set, touched, touch, touchAll: () => setTouched(new Set(Object.keys(wrong))), wrong, body }
}

export function nameProblem(name: string): string | undefined {
  const length = [...name.trim()].length
  if (length === 0) return 'Give it a name.'
  return length > 80 ? `Use at most 80 characters; these are ${length}.` : undefined
}

function Form({ view }: { view: Template }) {
  const { workspace } = useWorkspace()
  const navigate = useNavigate()
  const create = useCreate(workspace)
  const nodes = useQuery(nodesQuery(workspace))
  const form = useDraft(view)
  const { draft, set, wrong, body, schema } = form
  const refused = create.error === null ? {} : asError(create.error).fields
  const problems: Record<string, string | undefined> = {}
  for (const [name, text] of Object.entries(wrong)) problems[name] = refused[name] ?? (form.touched.has(name) ? text : undefined)
  for (const [name, text] of Object.entries(refused)) problems[name] ??= text
  const count = Object.values(wrong).filter((text) => text !== undefined).length
  const submit = () => {
    form.touchAll()
    if (count > 0) return
    create.mutate(body, {
      onSuccess: (job) => {
        const id = typeof job.target === 'string' && job.target.startsWith('wl_') ? job.target : undefined
        void (id === undefined ? navigate({ to: '/workloads' }) : navigate({ to: '/workloads/$workload', params: { workload: id } }))
      },
    })
  }
  const offered = runtimes(view.template)
  const nodeName = nodes.data?.items.find((n) => n.id === draft.node)?.name
  return (
    <form
      noValidate
      className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_minmax(0,420px)]"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <div className="flex flex-col gap-6">
        <Link to="/workloads/new" search={{}} className="flex items-center gap-1 self-start rounded text-13 text-ink-2 hover:text-ink">
          <ArrowLeft size={14} aria-hidden /> {view.template.title}: choose another
        </Link>
        <Part title="Server">
          <Field label="Name" error={problems.name} isRequired>
            {(wiring) => <Input {...wiring} autoFocus value={draft.name} placeholder={`My ${view.template.title} server`} onChange={(change) => set({ name: change.target.value })} onBlur={() => draft.name !== '' && form.touch('name')} />}
          </Field>
          <Field label="Node" error={problems.node} help="Placement takes the node with the most free memory.">
            {(wiring) => (
              <Select
                {...wiring}
                value={draft.node}
                onValue={(node) => set({ node })}
                options={[
                  { value: ANY, label: 'Chosen by placement' },
                  ...(nodes.data?.items ?? []).map((node) => ({
                    value: node.id,
                    label: node.name,
                    isDisabled: node.state === 'offline' || node.is_draining,
                    help:
                      node.state === 'offline'
                        ? 'offline'
                        : node.is_draining
                          ? 'draining, takes no new servers'
                          : `${bytes(Math.max(0, node.facts.memory_bytes - node.reserved_memory_bytes))} memory free`,
                  })),
                ]}
              />
            )}
          </Field>
          {offered.length > 1 && (
            <div className="flex flex-col gap-1.5">
              <span className="text-13 font-medium">Runs as</span>
              <div>
                <Segments
                  label="Runs as"
                  value={draft.runtime}
                  onValue={(runtime) => set({ runtime })}
                  options={[{ value: ANY, label: 'What the node can' }, ...offered.map((runtime) => ({ value: runtime, label: runtime === 'process' ? 'Process' : 'Container' }))]}
                />
              </div>
              {problems.runtime !== undefined && <p className="text-12 text-failed">{problems.runtime}</p>}
            </div>
          )}
          <SwitchField label="Start it when it is installed" isOn={draft.start} onChange={(start) => set({ start })} />
        </Part>
        {Object.keys(schema.properties).length > 0 && (
          <Part title={view.template.title}>
            <SchemaForm
              schema={schema}
              values={draft.values}
              onChange={(name, value) => set({ values: { ...draft.values, [name]: value } })}
              onTouch={(name) => form.touch(`variables.${name}`)}
              problems={strip(problems, 'variables.')}
            />
          </Part>
        )}
        <Part title="Limits">
          <LimitsForm limits={draft.limits} onChange={(limits) => set({ limits })} problems={problems} />
        </Part>
      </div>
      <aside aria-label="Summary" className="flex flex-col gap-4 lg:sticky lg:top-0">
        <Card className="p-4">
          <Preview view={view} body={body} nodeName={nodeName} />
        </Card>
        {create.error !== null && <ErrorBox error={create.error} doing="create the server" />}
        <div className="flex flex-wrap items-center gap-2">
          <Button look="main" type="submit" isPending={create.isPending}>
            {draft.start ? 'Create and start server' : 'Create server'}
          </Button>
          <ButtonLink to="/workloads" look="ghost">
            Cancel
          </ButtonLink>
          {count > 0 && form.touched.size > 0 && <span className="text-12 text-failed">{count === 1 ? '1 field needs attention' : `${count} fields need attention`}</span>}
        </div>
      </aside>
    </form>
  )
}

/** Only the entries below a prefix, without it. */
export function strip<T>(entries: Record<string, T>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])))
}

function Preview({ view, body, nodeName }: { view: Template; body: WorkloadCreate; nodeName: string | undefined }) {
  const schema = variablesOf(view)
  const secrets = Object.entries(schema.properties).flatMap(([name, field]) => (widgetOf(field) === 'secret' ? [name] : []))
  const hidden = { ...body, variables: Object.fromEntries(Object.entries(body.variables ?? {}).map(([name, value]) => [name, secrets.includes(name) ? '…' : value])) }
  return (
    <Tabs
      label="The same in other words"
      tabs={[
        { value: 'yaml', label: 'YAML', content: <Code label="YAML" text={yaml(hidden).trimEnd()} wrap={false} /> },
        { value: 'cli', label: 'Command', content: <Code label="command" text={createCommand(body, secrets, nodeName)} wrap={false} /> },
        { value: 'template', label: 'Template', content: <Code label="template source" text={view.source} wrap={false} className="max-h-96 overflow-y-auto" /> },
      ]}
    />
  )
}

const Part = ({ title, children }: { title: string; children: ReactNode }) => (
  <Section title={title}>
    <Card className="flex flex-col gap-5 p-4">{children}</Card>
  </Section>
)
