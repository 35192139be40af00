// The frame around every page with a session.

import { useQueryClient } from '@tanstack/react-query'
import { Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { DoorOpen, Plus } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import { Suspense, lazy, useEffect, useState } from 'react'
import { Button, ButtonLink } from '../kit/button'
import { Empty } from '../kit/empty'
import { listenForShortcuts, useShortcut } from '../kit/shortcut'
import { Notices } from '../kit/notice'
import { PageSkeleton } from '../kit/skeleton'
import { startLive } from '../live'
import { useMe } from '../session/me'
import { Tray } from '../job/tray'
import { Content, Header, OpenRail } from './header'
import { PLACES } from './places'
import { Rail } from './rail'
import { ShortcutList } from './shortcut-list'
import { ArchivedBar } from '../workspace/archived'
import { askForWorkspace, useIsAsked } from '../workspace/new'
import { StaleBar } from './stale'

const Palette = lazy(() => import('./palette').then((m) => ({ default: m.Palette })))

const NewWorkspace = lazy(() => import('../workspace/create').then((m) => ({ default: m.Create })))

const NARROW = 'ostler.rail'

function readNarrow(): boolean {
  try {
    return localStorage.getItem(NARROW) === 'narrow'
  } catch {
    return false
  }
}

export function Shell() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [isNarrow, setNarrow] = useState(readNarrow)
  const [isSheet, setSheet] = useState(false)
  const [isPalette, setPalette] = useState(false)
  const isNewWorkspace = useIsAsked()
  const [isHelp, setHelp] = useState(false)
  const narrow = (next: boolean) => {
    setNarrow(next)
    try {
      localStorage.setItem(NARROW, next ? 'narrow' : 'wide')
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }
  useEffect(() => listenForShortcuts(window), [])
  useEffect(() => startLive(client), [client])
  useShortcut({ keys: 'mod+k', label: 'Search and do', group: 'Everywhere', always: true, run: () => setPalette(true) })
  useShortcut({ keys: '?', label: 'List of shortcuts', group: 'Everywhere', run: () => setHelp(true) })
  useShortcut({ keys: '[', label: 'Collapse or expand the rail', group: 'Everywhere', run: () => narrow(!isNarrow) })
  useShortcut({ keys: 'c', label: 'New game server', group: 'Everywhere', run: () => void navigate({ to: '/workloads/new' }) })
  return (
    <OpenRail value={() => setSheet(true)}>
      {PLACES.map((place) => (
        <GoTo key={place.keys} keys={place.keys} label={place.label} run={() => void navigate({ to: place.to })} />
      ))}
      <a href="#main" className="sr-only z-50 rounded bg-raised px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Go to the content
      </a>
      <div className="flex h-dvh bg-bg">
        <aside aria-label="Rail" className={isNarrow ? 'hidden w-[52px] shrink-0 md:block' : 'hidden w-[228px] shrink-0 md:block'}>
          <Rail isNarrow={isNarrow} onNarrow={narrow} onSearch={() => setPalette(true)} />
        </aside>
        <main id="main" className="flex min-w-0 flex-1 flex-col border-line bg-surface md:my-2 md:mr-2 md:rounded md:border">
          <StaleBar />
          <ArchivedBar />
          <Suspense fallback={<PageSkeleton />}>
            <Inside />
          </Suspense>
        </main>
      </div>
      <RailSheet isOpen={isSheet} onClose={() => setSheet(false)} onSearch={() => setPalette(true)} />
      <div className="floating pointer-events-none fixed right-3 z-30 flex w-[min(380px,calc(100vw-24px))] flex-col gap-2 *:pointer-events-auto">
        <Notices />
        <Tray />
      </div>
      <ShortcutList isOpen={isHelp} onClose={() => setHelp(false)} />
      {isNewWorkspace && (
        <Suspense fallback={null}>
          <NewWorkspace onClose={() => askForWorkspace(false)} />
        </Suspense>
      )}
      {isPalette && (
        <Suspense fallback={null}>
          <Palette onClose={() => setPalette(false)} />
        </Suspense>
      )}
    </OpenRail>
  )
}

/** Pages of people, of oneself and of the API need no workspace; all others show what is in one. */
const FREE = /^\/(settings(?!\/(workspace|roles|teams)(\/|$))|api|_kit)(\/|$)/

function Inside() {
  const { memberships, user } = useMe()
  const { pathname } = useLocation()
  if (memberships.length > 0 || FREE.test(pathname)) return <Outlet />
  return (
    <>
      <Header title="Welcome" isLost />
      <Content>
        {user.is_platform_admin ? (
          <Empty icon={DoorOpen} title={`Hello ${user.name}`} action={<Button look="main" icon={Plus} onClick={() => askForWorkspace(true)}>New workspace</Button>}>
            There is no workspace yet. Servers, nodes and people belong to one.
          </Empty>
        ) : (
          <Empty icon={DoorOpen} title={`Hello ${user.name}`} action={<ButtonLink to="/settings/security">Secure your account</ButtonLink>}>
            You are in no workspace yet. Ask an owner or admin of one to add {user.email}; this page goes on by itself.
          </Empty>
        )}
      </Content>
    </>
  )
}

function GoTo({ keys, label, run }: { keys: string; label: string; run: () => void }) {
  useShortcut({ keys, label: `Go to ${label}`, group: 'Go', run })
  return null
}

function RailSheet({ isOpen, onClose, onSearch }: { isOpen: boolean; onClose: () => void; onSearch: () => void }) {
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fade fixed inset-0 z-40 bg-scrim" />
        <Radix.Content onOpenAutoFocus={(event) => event.preventDefault()} className="slide-left fixed inset-y-0 left-0 z-40 w-[272px] border-r border-line bg-bg shadow-float outline-none" aria-describedby={undefined}>
          <Radix.Title className="sr-only">Menu</Radix.Title>
          <Rail
            isNarrow={false}
            onGo={onClose}
            onSearch={() => {
              onClose()
              onSearch()
            }}
          />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
