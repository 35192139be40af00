// A game server's page: what it is, how it is, since when and why; its console, charts, settings and activity.

import { useQuery } from '@tanstack/react-query'
import { Outlet, useParams } from '@tanstack/react-router'
import { Ellipsis, RotateCw, Skull, Trash2 } from 'lucide-react'
import { createContext, useContext, useState } from 'react'
import { asError } from '../api/error'
import type { Workload } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Copy } from '../kit/code'
import { ErrorBox } from '../kit/error'
import { Menu, MenuItem, MenuLine } from '../kit/menu'
import { useShortcut } from '../kit/shortcut'
import { PageSkeleton } from '../kit/skeleton'
import { State, toneOf, wordOf } from '../kit/state'
import { PageTabs } from '../kit/tabs'
import { Told as Reason } from '../kit/told'
import { Content, Header } from '../shell/header'
import { ForgetItem, ICONS, useVerbs } from './actions'
import { workloadQuery } from './api'
import { useMay } from './rights'
import { VERBS, canDo, mainVerb } from './state'

const Shown = createContext<Workload | undefined>(undefined)

/** The workload of the page around. */
export function useShown(): Workload {
  const workload = useContext(Shown)
  if (workload === undefined) throw new Error('only inside a workload’s page')
  return workload
}

export function Page() {
  const { workload: id } = useParams({ from: '/app/workloads/$workload' })
  const { data, error, refetch } = useQuery(workloadQuery(id))
  if (data === undefined) {
    return error === null ? (
      <PageSkeleton />
    ) : (
      <>
        <Header title="Game server" above={{ label: 'Games', link: { to: '/workloads' } }} />
        <Content>
          <ErrorBox error={error} doing="show this server" onRetry={() => void refetch()} />
        </Content>
      </>
    )
  }
  const isGone = error !== null && asError(error).status === 404
  return <Body workload={data} isGone={isGone} />
}

function Body({ workload, isGone }: { workload: Workload; isGone: boolean }) {
  const [failure, setFailure] = useState<{ doing: string; error: unknown }>()
  const verbs = useVerbs((doing, error) => setFailure({ doing, error }))
  const may = useMay()
  const main = mainVerb(workload)
  const mayOperate = may('workload:operate', workload)
  const run = (verb: Parameters<typeof verbs.run>[1]) => {
    setFailure(undefined)
    verbs.run(workload, verb)
  }
  useShortcut(mayOperate && main !== undefined ? { keys: 's', label: VERBS[main], group: 'Server', run: () => run(main) } : undefined)
  useShortcut(mayOperate && canDo('restart', workload) ? { keys: 'r', label: VERBS.restart, group: 'Server', run: () => run('restart') } : undefined)
  return (
    <>
      <Header
        title={workload.name}
        above={{ label: 'Games', link: { to: '/workloads' } }}
        state={<State tone={toneOf(workload.state)} word={wordOf(workload.state)} since={workload.since} />}
        actions={
          !isGone && (
            <>
              {workload.address !== null && <Address text={workload.address} />}
              {canDo('restart', workload) && (
                <Button icon={RotateCw} disabled={!mayOperate} onClick={() => run('restart')} isPending={verbs.pendingVerb === 'restart'} className="max-sm:hidden">
                  Restart
                </Button>
              )}
              {main !== undefined && (
                <Button look={main === 'start' ? 'main' : 'plain'} icon={ICONS[main]} disabled={!mayOperate} onClick={() => run(main)} isPending={verbs.pendingVerb === main}>
                  {main === 'start' ? 'Start server' : 'Stop server'}
                </Button>
              )}
              <More workload={workload} verbs={verbs} run={run} />
            </>
          )
        }
      />
      <Told workload={workload} isGone={isGone} />
      {failure !== undefined && (
        <div className="px-4 pt-3 sm:px-6">
          <ErrorBox error={failure.error} doing={failure.doing} onDismiss={() => setFailure(undefined)} />
        </div>
      )}
      <PageTabs
        label="Game server"
        tabs={[
          { label: 'Overview', link: { to: '/workloads/$workload', params: { workload: workload.id } } },
          { label: 'Console', link: { to: '/workloads/$workload/console', params: { workload: workload.id } } },
          { label: 'Settings', link: { to: '/workloads/$workload/settings', params: { workload: workload.id } } },
          { label: 'Activity', link: { to: '/workloads/$workload/activity', params: { workload: workload.id } } },
        ]}
      />
      <Shown value={workload}>
        <Outlet />
      </Shown>
      {verbs.questions}
    </>
  )
}

const Address = ({ text }: { text: string }) => (
  <span className="hidden items-center gap-1 rounded border border-line bg-bg pr-0.5 pl-2 md:flex">
    <code className="font-mono text-12">{text}</code>
    <Copy text={text} label="Copy the address" />
  </span>
)

function More({ workload, verbs, run }: { workload: Workload; verbs: ReturnType<typeof useVerbs>; run: (verb: 'restart' | 'kill') => void }) {
  const may = useMay()
  return (
    <Menu trigger={<IconButton icon={Ellipsis} label="More actions" />}>
      <MenuItem icon={RotateCw} isDisabled={!may('workload:operate', workload) || !canDo('restart', workload)} onSelect={() => run('restart')}>
        Restart server
      </MenuItem>
      <MenuItem icon={Skull} isDisabled={!may('workload:operate', workload) || !canDo('kill', workload)} onSelect={() => run('kill')}>
        Kill server
      </MenuItem>
      <MenuLine />
      <MenuItem icon={Trash2} isDanger isDisabled={!may('workload:write', workload) || workload.power === 'absent'} onSelect={() => verbs.remove(workload)}>
        Delete server
      </MenuItem>
      <ForgetItem workload={workload} verbs={verbs} />
    </Menu>
  )
}

/** Why it is as it is, when there is something to say. */
function Told({ workload, isGone }: { workload: Workload; isGone: boolean }) {
  const tone = toneOf(workload.state)
  const soft = tone === 'failed' ? 'bg-failed-soft' : tone === 'degraded' ? 'bg-degraded-soft' : tone === 'changing' ? 'bg-changing-soft' : 'bg-hover'
  const text = isGone
    ? 'This server has been deleted.'
    : (workload.reason ?? (workload.is_restart_pending ? 'A change waits for the next start: restart it when that suits its players.' : undefined))
  if (text === undefined) return null
  return (
    <p role="status" className={`live border-b border-line px-4 py-1.5 text-13 break-words sm:px-6 ${isGone ? 'bg-hover' : soft}`}>
      <Reason text={text} />
    </p>
  )
}
