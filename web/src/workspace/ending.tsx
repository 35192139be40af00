// Leaving a workspace; a workspace at rest and at its end: archive, restore, delete.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Archive, ArchiveRestore, LogOut, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { Button } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { notify } from '../kit/notice'
import { loseWorkspace, useHeld, useMe, useWorkspace } from '../session/me'
import { allows } from '../session/rights'
import { Card, Section } from '../shell/header'
import { useRestore } from './archived'

export function Ending() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { workspace, name, slug, role, archived_at } = useWorkspace()
  const held = useHeld()
  const restore = useRestore()
  const { user } = useMe()
  const [asks, setAsks] = useState<'archive' | 'delete' | 'leave'>()
  const close = () => {
    setAsks(undefined)
    leave.reset()
    archive.reset()
    remove.reset()
  }
  const archive = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/workspaces/{workspace}/archive', { params: { path: { workspace } } })),
    onSuccess: async () => {
      await client.invalidateQueries()
      setAsks(undefined)
    },
  })
  const remove = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/workspaces/{workspace}', { params: { path: { workspace } }, body: { confirm: slug } })),
    onSuccess: () => {
      setAsks(undefined)
      loseWorkspace(client, workspace)
      notify(`${name} is deleted.`)
    },
  })
  const leave = useMutation({
    mutationFn: () => ok(api.DELETE('/api/v1/workspaces/{workspace}/members/{user}', { params: { path: { workspace, user: user.id } } })),
    onSuccess: async () => {
      loseWorkspace(client, workspace)
      notify(`You have left ${name}.`)
      await navigate({ to: '/' })
    },
  })
  const mayEnd = allows(held, 'workspace:write')
  // An admin of the platform reaches it without being in it, and cannot leave what they are not in.
  const isMember = role !== null
  if (!mayEnd && !isMember) return null
  return (
    <Section title={mayEnd ? 'Leave, archive, delete' : 'Leave'}>
      <Card className="divide-y divide-line">
        {isMember && (
          <Row title="Leave this workspace" about="You see nothing of it any more. Somebody who manages its members can add you again.">
            <Button icon={LogOut} onClick={() => setAsks('leave')}>
              Leave
            </Button>
          </Row>
        )}
        {mayEnd && (
          <>
            <Row title={archived_at == null ? 'Archive this workspace' : 'This workspace is archived'} about={archived_at == null ? 'It can be read as before, and nothing in it changes until it is restored. Nothing may run in it.' : 'Restore it to change something. What was stopped stays stopped.'}>
              {archived_at == null ? (
                <Button icon={Archive} onClick={() => setAsks('archive')}>
                  Archive
                </Button>
              ) : (
                <Button icon={ArchiveRestore} onClick={() => restore.mutate()} isPending={restore.isPending}>
                  Restore
                </Button>
              )}
            </Row>
            <Row title="Delete this workspace" about="For good, with its members, keys and jobs. It must have neither nodes nor servers.">
              <Button look="danger" icon={Trash2} onClick={() => setAsks('delete')}>
                Delete
              </Button>
            </Row>
          </>
        )}
      </Card>
      {asks === 'leave' && (
        <Confirm
          isOpen
          onClose={close}
          title={`Leave ${name}?`}
          losses={['You see nothing of it any more, at once and in every open page.', 'Your API keys reach nothing in it any more.']}
          verb="Leave workspace"
          isPending={leave.isPending}
          error={leave.error}
          onConfirm={() => leave.mutate()}
        />
      )}
      {asks === 'archive' && (
        <Confirm
          isOpen
          onClose={close}
          title={`Archive ${name}?`}
          losses={['Nobody can change anything in it, platform admins included, until it is restored.', 'Scripts and jobs that try are refused and told why.', 'What lies on its nodes stays there.']}
          verb="Archive workspace"
          isPending={archive.isPending}
          error={archive.error}
          onConfirm={() => archive.mutate()}
        />
      )}
      {asks === 'delete' && (
        <Confirm
          isOpen
          onClose={close}
          title={`Delete ${name}?`}
          losses={['Its members, keys and jobs go with it, and there is no way back.', 'Its audit trail stays, for admins of the platform.']}
          verb="Delete workspace"
          name={slug}
          isPending={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
        />
      )}
    </Section>
  )
}

function Row({ title, about, children }: { title: string; about: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3 px-4 py-3">
      <div className="min-w-60 flex-1">
        <p className="text-13 font-medium">{title}</p>
        <p className="text-13 text-ink-2">{about}</p>
      </div>
      {children}
    </div>
  )
}
