// The chain behind the audit trail: taking it along, and how to check it where this server has no say.

import { useQuery } from '@tanstack/react-query'
import { Download, Link2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { Button } from '../kit/button'
import { Code, Copy } from '../kit/code'
import { Sheet } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { count } from '../kit/format'
import { Skeleton } from '../kit/skeleton'
import { Ago } from '../kit/time'
import { FactList } from '../workload/peek'
import { type Filter, query } from './filter'

export function Chain({ workspace, filter }: { workspace: string; filter: Filter }) {
  const [isOpen, setOpen] = useState(false)
  const address = (format: string) => `/api/v1/workspaces/${workspace}/audit-logs/export?${new URLSearchParams({ format, ...query(filter) })}`
  return (
    <>
      <Button icon={Link2} onClick={() => setOpen(true)}>
        Export and verify
      </Button>
      <Sheet isOpen={isOpen} onClose={() => setOpen(false)} title="Export and verify" about="Every entry carries a hash over the one before: what is changed or missing in the middle shows.">
        <div className="flex flex-col gap-6">
          <div className="flex flex-col gap-2">
            <h3 className="text-13 font-medium">Take along what the filters show</h3>
            <div className="flex gap-2">
              {['jsonl', 'csv'].map((format) => (
                <a key={format} href={address(format)} download className="inline-flex h-8 items-center gap-1.5 rounded border border-line-strong px-3 text-13 font-medium hover:bg-hover">
                  <Download size={14} aria-hidden /> {format === 'csv' ? 'CSV' : 'JSON lines'}
                </a>
              ))}
            </div>
          </div>
          <div className="flex flex-col gap-2">
            <h3 className="text-13 font-medium">Verify it on your own machine</h3>
            <Code label="command" text={`ostler audit verify --workspace ${workspace}`} />
          </div>
          <State workspace={workspace} />
        </div>
      </Sheet>
    </>
  )
}

function State({ workspace }: { workspace: string }) {
  const chain = useQuery({
    queryKey: ['audit-chain', workspace],
    queryFn: ({ signal }) => ok(api.GET('/api/v1/workspaces/{workspace}/audit-logs/chain', { params: { path: { workspace } }, signal })),
  })
  if (chain.error !== null) return <ErrorBox error={chain.error} doing="read the chain" onRetry={() => void chain.refetch()} />
  if (chain.data === undefined) return <Skeleton className="h-32 w-full" />
  const { head, anchor, checkpoints, keys } = chain.data
  const last = checkpoints.at(-1)
  const mono = (text: string) => (
    <span className="flex min-w-0 items-center gap-1">
      <code className="truncate font-mono text-12">{text}</code>
      <Copy text={text} />
    </span>
  )
  return (
    <div className="flex flex-col gap-2">
      <h3 className="text-13 font-medium">The chain now</h3>
      <FactList
        facts={[
          ['Entries', count(head.seq - anchor.seq)],
          ['Begins after', anchor.seq === 0 ? 'the very beginning' : `entry ${count(anchor.seq)}`],
          ['Newest hash', head.hash === '' ? '–' : mono(head.hash)],
          ['Signed', last === undefined ? 'not yet' : <span key="s">up to entry {count(last.seq)}, <Ago at={last.at} /></span>],
          ['Key', keys[0] === undefined ? '–' : mono(keys[0].public_key)],
        ]}
      />
    </div>
  )
}
