// Joining a node: a command to run on the machine, and what is seen of it, live.

import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { Button, ButtonLink } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { bytes } from '../kit/format'
import { Skeleton } from '../kit/skeleton'
import { Mark, type Tone } from '../kit/state'
import { For, useNow } from '../kit/time'
import { useWorkspace } from '../session/me'
import { nodesQuery, useJoinToken } from './api'

export function JoinDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return isOpen ? <Open onClose={onClose} /> : null
}

function Open({ onClose }: { onClose: () => void }) {
  const { workspace } = useWorkspace()
  const token = useJoinToken(workspace)
  const nodes = useQuery(nodesQuery(workspace)).data?.items
  const before = useRef<Set<string>>(undefined)
  const { mutate } = token
  useEffect(() => mutate(), [mutate])
  useEffect(() => {
    // Who is there when the dialog opens did not join through it.
    if (nodes !== undefined) before.current ??= new Set(nodes.map((node) => node.id))
  }, [nodes])
  const joined = nodes?.find((node) => before.current !== undefined && !before.current.has(node.id))
  const made = token.data
  const isOnline = joined?.state === 'online'
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title="Add a node"
      about="A node is a machine that runs your servers. It dials out to here, so it needs no open port for Ostler."
      footer={
        joined === undefined ? (
          <Button onClick={onClose}>Close</Button>
        ) : (
          <>
            <Button onClick={onClose}>Close</Button>
            <ButtonLink look="main" to="/nodes/$node" params={{ node: joined.id }}>
              Open {joined.name}
            </ButtonLink>
          </>
        )
      }
    >
      <div className="flex flex-col gap-5">
        {token.error !== null && <ErrorBox error={token.error} doing="make a join token" onRetry={() => mutate()} />}
        <div className="flex flex-col gap-1.5">
          <h3 className="text-13 font-medium">Run this on the machine</h3>
          {made === undefined ? <Skeleton className="h-[62px] w-full" /> : <Code label="join command" text={made.command} />}
          {made !== undefined && <Expiry at={made.expires_at} onNew={() => mutate()} />}
        </div>
        <ol aria-label="Progress" aria-live="polite" className="flex flex-col gap-2.5 text-13">
          <Step tone={made === undefined ? 'changing' : 'running'} text="Token made. It works once." />
          <Step tone={joined !== undefined ? 'running' : made === undefined ? 'stopped' : 'changing'} text={joined === undefined ? 'Waiting for the machine to join' : `${joined.name} joined: ${joined.facts.os}, ${joined.facts.cpu_count} CPU, ${bytes(joined.facts.memory_bytes)} memory`} />
          <Step tone={isOnline ? 'running' : joined === undefined ? 'stopped' : 'changing'} text={isOnline ? 'Online and ready for servers' : 'Connection to the control plane'} />
        </ol>
      </div>
    </Dialog>
  )
}

const Step = ({ tone, text }: { tone: Tone; text: string }) => (
  <li className="flex items-center gap-2.5">
    <Mark tone={tone} />
    <span className={tone === 'stopped' ? 'text-ink-3' : undefined}>{text}</span>
  </li>
)

function Expiry({ at, onNew }: { at: string; onNew: () => void }) {
  const now = useNow()
  const ms = Date.parse(at)
  if (now >= ms) {
    return (
      <p className="flex items-center gap-2 text-12 text-degraded">
        The token has expired <For since={at} /> ago.
        <Button small onClick={onNew}>
          Make another
        </Button>
      </p>
    )
  }
  return <p className="text-12 text-ink-3">Works once, for the next {Math.max(1, Math.round((ms - now) / 60_000))} min. Whoever has it can add a node to this workspace.</p>
}
