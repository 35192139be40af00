// The API reference: our own document, in our own page, with nothing fetched from elsewhere.

import { useQuery } from '@tanstack/react-query'
import { ChevronRight } from 'lucide-react'
import { type ReactNode, useMemo, useState } from 'react'
import { Code } from '../kit/code'
import { cx } from '../kit/cx'
import { ErrorBox } from '../kit/error'
import { SearchInput } from '../kit/field'
import { PageSkeleton } from '../kit/skeleton'
import { Content, Header } from '../shell/header'
import { type Document, type Operation, type Schema, curl, groups, resolve, typeWord } from './openapi'

const documentQuery = {
  queryKey: ['openapi'],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Document> => {
    const response = await fetch('/api/v1/openapi.json', { signal })
    if (!response.ok) throw new Error(`the document could not be read (${response.status})`)
    return (await response.json()) as Document
  },
  staleTime: Infinity,
}

export function Page() {
  const { data, error, refetch } = useQuery(documentQuery)
  return (
    <>
      <Header title="API reference" state={data !== undefined && <span className="text-ink-3">{data.info.version}</span>} actions={<a href="/api/v1/openapi.json" className="text-13 text-ink-2 hover:text-ink hover:underline">openapi.json</a>} />
      {data === undefined ? error === null ? <PageSkeleton /> : <Content><ErrorBox error={error} doing="read the reference" onRetry={() => void refetch()} /></Content> : <Reference document={data} />}
    </>
  )
}

function Reference({ document }: { document: Document }) {
  const [search, setSearch] = useState('')
  const all = useMemo(() => groups(document), [document])
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = all
    .map((group) => ({ ...group, operations: group.operations.filter((o) => words.every((word) => `${o.method} ${o.path} ${o.summary}`.toLowerCase().includes(word))) }))
    .filter((group) => group.operations.length > 0)
  return (
    <div className="flex min-h-0 flex-1">
      <nav aria-label="Parts of the API" className="hidden w-52 shrink-0 overflow-y-auto border-r border-line p-3 lg:block">
        {all.map((group) => (
          <a key={group.name} href={`#${group.name}`} className="flex h-8 items-center justify-between rounded px-2 text-13 text-ink-2 hover:bg-hover hover:text-ink">
            {group.name}
            <span className="text-12 text-ink-3">{group.operations.length}</span>
          </a>
        ))}
      </nav>
      <Content>
        <div className="mx-auto flex max-w-4xl flex-col gap-8">
          <div className="flex flex-col gap-3">
            {document.info.description !== undefined && <p className="text-13 text-ink-2">{document.info.description}</p>}
            <Code label="example" text={`curl -H 'Authorization: Bearer $OSTLER_KEY' ${window.location.origin}/api/v1/users/me`} />
            <SearchInput label="Search the reference" value={search} onValue={setSearch} className="sm:max-w-80" />
          </div>
          {found.length === 0 && <p className="text-13 text-ink-2">No operation matches.</p>}
          {found.map((group) => (
            <section key={group.name} id={group.name} aria-label={group.name} className="flex scroll-mt-4 flex-col gap-3">
              <h2 className="text-16 font-semibold">{group.name}</h2>
              {group.about !== '' && <p className="-mt-2 text-13 text-ink-2">{group.about}</p>}
              <div className="overflow-hidden rounded border border-line">
                {group.operations.map((operation) => (
                  <Entry key={operation.id} document={document} operation={operation} />
                ))}
              </div>
            </section>
          ))}
        </div>
      </Content>
    </div>
  )
}

/** Text with `code` in it. */
function marked(text: string): ReactNode[] {
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i} className="font-mono text-12">{part}</code> : part))
}

function Entry({ document, operation }: { document: Document; operation: Operation }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <div className="border-b border-line last:border-b-0">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} className="flex min-h-10 w-full items-center gap-3 px-3 py-1.5 text-left -outline-offset-2 hover:bg-hover">
        <ChevronRight size={14} aria-hidden className={cx('shrink-0 text-ink-3 transition-transform duration-[120ms]', isOpen && 'rotate-90')} />
        <span className="w-14 shrink-0 font-mono text-12 font-semibold text-ink-2">{operation.method}</span>
        <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-4">
          <code className="font-mono text-12 break-all">{operation.path}</code>
          <span className="text-13 text-ink-2">{marked(operation.summary)}</span>
        </span>
      </button>
      {isOpen && <Detail document={document} operation={operation} />}
    </div>
  )
}

function Detail({ document, operation }: { document: Document; operation: Operation }) {
  return (
    <div className="fade flex flex-col gap-4 border-t border-line bg-bg px-4 py-4 text-13 sm:px-10">
      {operation.description !== '' && operation.description !== operation.summary && <p className="whitespace-pre-line text-ink-2">{marked(operation.description)}</p>}
      {operation.parameters.length > 0 && (
        <Part title="Parameters">
          <Fields fields={operation.parameters.map((p) => ({ name: p.name, type: typeWord(document, p.schema ?? {}), isRequired: p.required === true, about: p.description ?? p.schema?.description ?? '', where: p.in }))} />
        </Part>
      )}
      {operation.body !== undefined && (
        <Part title="Body">
          <SchemaFields document={document} schema={operation.body} />
        </Part>
      )}
      <Part title="Answers">
        <ul className="flex flex-col gap-2">
          {operation.responses.map((response) => (
            <li key={response.status} className="flex flex-col gap-1">
              <span>
                <code className="mr-2 font-mono text-12 font-semibold">{response.status}</code>
                <span className="text-ink-2">{response.description}</span>
                {response.schema !== undefined && <code className="ml-2 font-mono text-12 text-ink-3">{typeWord(document, response.schema)}</code>}
              </span>
              {response.schema !== undefined && response.status.startsWith('2') && <SchemaFields document={document} schema={response.schema} />}
            </li>
          ))}
        </ul>
      </Part>
      <Part title="Request">
        <Code label="curl command" text={curl(document, operation, window.location.origin)} className="bg-surface" />
      </Part>
    </div>
  )
}

const Part = ({ title, children }: { title: string; children: ReactNode }) => (
  <div className="flex flex-col gap-1.5">
    <h3 className="text-12 font-medium text-ink-3">{title}</h3>
    {children}
  </div>
)

/** The properties of an object, one level; deeper ones name their type. */
function SchemaFields({ document, schema }: { document: Document; schema: Schema }) {
  const { schema: real } = resolve(document, schema)
  const parts = [real, ...(real.allOf ?? []).map((part) => resolve(document, part).schema)]
  const fields = parts.flatMap((part) =>
    Object.entries(part.properties ?? {}).map(([name, field]) => ({
      name,
      type: typeWord(document, field),
      isRequired: part.required?.includes(name) === true,
      about: field.description ?? resolve(document, field).schema.description ?? '',
      where: '',
    })),
  )
  return fields.length === 0 ? null : <Fields fields={fields} />
}

function Fields({ fields }: { fields: { name: string; type: string; isRequired: boolean; about: string; where: string }[] }) {
  return (
    <dl className="overflow-hidden rounded border border-line bg-surface">
      {fields.map((field) => (
        <div key={field.name} className="grid gap-x-4 border-b border-line px-3 py-1.5 last:border-b-0 sm:grid-cols-[200px_minmax(0,1fr)]">
          <dt className="min-w-0">
            <code className="font-mono text-12 break-all">{field.name}</code>
            {field.isRequired && <span className="text-12 text-ink-3"> · required</span>}
          </dt>
          <dd className="min-w-0">
            <code className="font-mono text-12 break-words text-ink-2">{field.type}</code>
            {field.where !== '' && <span className="text-12 text-ink-3"> in {field.where}</span>}
            {field.about !== '' && <p className="text-12 text-ink-2">{marked(field.about)}</p>}
          </dd>
        </div>
      ))}
    </dl>
  )
}
