// One key: what it may do and what binds it; a new secret for it; its end.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Pencil, RotateCw, Trash2 } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { api, ok } from '../api/client'
import type { Key } from '../api/types'
import { Button } from '../kit/button'
import { Confirm, Sheet } from '../kit/dialog'
import { Ago } from '../kit/time'
import { Grid } from '../role/grid'
import { useMe } from '../session/me'
import { Edit } from './edit'
import { Made } from './make'
import { aboutOf, reachOf } from './rights'

export function Details({ of: listed, owner, onClose, onRevoke }: { of: Key; owner: string; onClose: () => void; onRevoke: (() => void) | undefined }) {
  const me = useMe()
  const [isRenewing, setRenewing] = useState(false)
  const [isEditing, setEditing] = useState(false)
  const [changed, setChanged] = useState<Key>()
  const of = changed ?? listed
  const isMine = of.owner === me.user.id
  const facts: [string, ReactNode][] = [
    ['Begins with', <code key="p" className="font-mono text-12">{of.prefix}…</code>],
    ['Acts as', isMine ? 'you' : owner],
    ['Reaches', <Reach key="r" of={of} />],
    ['Only from', of.networks.length === 0 ? 'everywhere' : <code key="n" className="font-mono text-12 break-all">{of.networks.join(', ')}</code>],
    ['Requests', of.requests_per_minute == null ? 'as many as its owner' : `${of.requests_per_minute} a minute, on each server`],
    ['Made', <Ago key="m" at={of.created_at} />],
    ['Expires', of.expires_at === null ? 'never' : <Ago key="e" at={of.expires_at} />],
    ['Last used', of.last_used_at === null ? 'never' : <span key="u"><Ago at={of.last_used_at} />{of.last_used_from == null ? '' : ` from ${of.last_used_from}`}</span>],
  ]
  if (isRenewing) return <Renew of={of} onClose={() => setRenewing(false)} onDone={onClose} />
  if (isEditing) {
    const done = (key: Key) => {
      setChanged(key)
      setEditing(false)
    }
    return <Edit of={of} onClose={() => setEditing(false)} onDone={done} />
  }
  return (
    <Sheet
      isOpen
      onClose={onClose}
      title={of.label}
      about="API key"
      footer={
        <>
          {onRevoke !== undefined && (
            <Button icon={Trash2} onClick={onRevoke}>
              Revoke
            </Button>
          )}
          {isMine && (
            <Button icon={Pencil} onClick={() => setEditing(true)}>
              Change
            </Button>
          )}
          {isMine && (
            <Button icon={RotateCw} onClick={() => setRenewing(true)}>
              New secret
            </Button>
          )}
        </>
      }
    >
      <div className="flex flex-col gap-6 pt-2">
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-2 text-13">
          {facts.map(([label, value]) => (
            <div key={label} className="contents">
              <dt className="text-ink-3">{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <Grid about={aboutOf(of.capabilities)} chosen={of.capabilities} />
      </div>
    </Sheet>
  )
}

function Reach({ of }: { of: Key }) {
  const { memberships } = useMe()
  const text = reachOf(of, (id) => memberships.find((m) => m.workspace === id)?.name ?? id)
  return <>{text}</>
}

function Renew({ of, onClose, onDone }: { of: Key; onClose: () => void; onDone: () => void }) {
  const client = useQueryClient()
  const renew = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/keys/{key}/rotate', { params: { path: { key: of.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  })
  if (renew.data !== undefined) return <Made made={renew.data} onClose={onDone} />
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`New secret for ${of.label}?`}
      losses={['The present secret ends at once: whatever uses it is refused until it has the new one.', 'What it may do, and what binds it, stays.']}
      verb="Make new secret"
      isPending={renew.isPending}
      error={renew.error}
      onConfirm={() => renew.mutate()}
    />
  )
}
