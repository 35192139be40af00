// The verbs of a workload, as one menu and one set of questions for list, sheet and page.

import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Ellipsis, Play, RotateCw, Skull, Square, Trash2, Unplug } from 'lucide-react'
import { useState } from 'react'
import type { Workload } from '../api/types'
import { IconButton } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { many } from '../kit/format'
import { Menu, MenuItem, MenuLine } from '../kit/menu'
import { notifyError } from '../kit/notice'
import { LeftDialog } from '../node/left'
import { type PowerVerb, useDelete, useForget, usePower } from './api'
import { useMay } from './rights'
import { VERBS, canDo, isLost } from './state'

export const ICONS = { start: Play, stop: Square, restart: RotateCw, kill: Skull }

/** Runs a power verb; kill asks first. */
export function useVerbs(onError?: (doing: string, error: unknown) => void) {
  const power = usePower()
  const [question, setQuestion] = useState<{ kind: 'kill' | 'delete' | 'forget'; workload: Workload }>()
  const say = onError ?? notifyError
  const now = (workload: Workload, verb: PowerVerb) =>
    power.mutate({ workload, verb }, { onError: (error) => say(`${verb} ${workload.name}`, error) })
  return {
    isPending: power.isPending,
    pendingVerb: power.isPending ? power.variables.verb : undefined,
    run: (workload: Workload, verb: PowerVerb) => (verb === 'kill' ? setQuestion({ kind: 'kill', workload }) : now(workload, verb)),
    remove: (workload: Workload) => setQuestion({ kind: 'delete', workload }),
    forget: (workload: Workload) => setQuestion({ kind: 'forget', workload }),
    questions: (
      <>
        {question?.kind === 'kill' && (
          <Confirm
            isOpen
            onClose={() => setQuestion(undefined)}
            title={`Kill ${question.workload.name}?`}
            losses={[
              'Everything that it has not saved yet is lost: it is not asked to stop first.',
              ...(question.workload.players ? [`${many(question.workload.players, 'player')} will be thrown out.`] : []),
            ]}
            verb="Kill server"
            isPending={false}
            error={null}
            onConfirm={() => {
              now(question.workload, 'kill')
              setQuestion(undefined)
            }}
          />
        )}
        {question?.kind === 'forget' && <Forget workload={question.workload} onClose={() => setQuestion(undefined)} />}
        {question?.kind === 'delete' && <Delete workload={question.workload} onClose={() => setQuestion(undefined)} />}
      </>
    ),
  }
}

/** What deleting it takes away, in numbers. */
export function losses(workload: Workload): string[] {
  const volumes = workload.conditions.filter((c) => c.resource.startsWith('volume/') && c.status !== 'gone')
  const ports = Object.values(workload.ports)
  const where = workload.node_name === null ? '' : ` on ${workload.node_name}`
  return [
    volumes.length > 0
      ? `${many(volumes.length, 'volume')} with every world, file and setting in it${where}. There is no backup.`
      : `All of its files${where}. There is no backup.`,
    ...(ports.length > 0 ? [`${many(ports.length, 'port')} (${ports.join(', ')}), free for others at once.`] : []),
    ...(workload.players ? [`${many(workload.players, 'player')} who are on it now.`] : []),
  ]
}

function Delete({ workload, onClose }: { workload: Workload; onClose: () => void }) {
  const remove = useDelete()
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Delete ${workload.name}?`}
      losses={losses(workload)}
      verb="Delete server"
      name={workload.name}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(workload, { onSuccess: onClose })}
    />
  )
}

/** For a server whose machine is lost for good. */
function Forget({ workload, onClose }: { workload: Workload; onClose: () => void }) {
  const forget = useForget()
  const client = useQueryClient()
  if (forget.data !== undefined) {
    const close = () => {
      void client.invalidateQueries({ queryKey: ['workloads'] })
      onClose()
    }
    return <LeftDialog title={`${workload.name} is forgotten`} left={[forget.data.left]} onClose={close} />
  }
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Forget ${workload.name}?`}
      losses={[
        `For a machine that is lost for good: nothing on ${workload.node_name ?? 'it'} is stopped or removed.`,
        'Its settings and its console here, and its ports, which are free for others.',
        'If the machine comes back, it removes what is left of it.',
      ]}
      verb="Forget server"
      name={workload.name}
      isPending={forget.isPending}
      error={forget.error}
      onConfirm={() => forget.mutate(workload)}
    />
  )
}

/** The menu's line that forgets it; there only while its node does not answer. */
export function ForgetItem({ workload, verbs }: { workload: Workload; verbs: ReturnType<typeof useVerbs> }) {
  const may = useMay()
  if (!isLost(workload)) return null
  return (
    <MenuItem icon={Unplug} isDanger isDisabled={!may('workload:write', workload)} onSelect={() => verbs.forget(workload)}>
      Forget lost server
    </MenuItem>
  )
}

/** The menu at the end of a row. */
export function RowMenu({ workload, verbs }: { workload: Workload; verbs: ReturnType<typeof useVerbs> }) {
  const may = useMay()
  const mayOperate = may('workload:operate', workload)
  return (
    <Menu trigger={<IconButton icon={Ellipsis} label={`Actions for ${workload.name}`} />}>
      {(['start', 'restart', 'stop', 'kill'] as const).map((verb) => (
        <MenuItem key={verb} icon={ICONS[verb]} isDisabled={!mayOperate || !canDo(verb, workload)} onSelect={() => verbs.run(workload, verb)}>
          {VERBS[verb]}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem icon={Trash2} isDanger isDisabled={!may('workload:write', workload) || workload.power === 'absent'} onSelect={() => verbs.remove(workload)}>
        Delete server
      </MenuItem>
      <ForgetItem workload={workload} verbs={verbs} />
    </Menu>
  )
}

/** The name as a link, so that it can be opened in a new tab. */
export function NameLink({ workload }: { workload: Workload }) {
  return (
    <Link to="/workloads/$workload" params={{ workload: workload.id }} className="block truncate font-medium hover:underline">
      {workload.name}
    </Link>
  )
}
