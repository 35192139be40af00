// The left rail: where one is and where one can go. Icons only when narrow, a sheet on a phone.

import { Link, useNavigate } from '@tanstack/react-router'
import { BookOpen, ChevronsUpDown, LogOut, Monitor, Moon, PanelLeft, PanelLeftClose, Plus, Search, Sun } from 'lucide-react'
import type { ReactNode } from 'react'
import { useActiveJobs } from '../job/tray'
import { cx } from '../kit/cx'
import { Keys } from '../kit/keys'
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from '../kit/menu'
import { Mark } from '../kit/state'
import { Tip } from '../kit/tooltip'
import { chooseWorkspace, useCan, useMe, useWorkspace } from '../session/me'
import { askForWorkspace } from '../workspace/new'
import { Logo } from './logo'
import { PLACES } from './places'
import { useSignOut } from './sign-out'
import { setTheme, type Theme, useTheme } from './theme'

export interface RailProps {
  isNarrow: boolean
  onNarrow?: (isNarrow: boolean) => void
  onSearch: () => void
  /** In the sheet: closes it when somewhere is gone to. */
  onGo?: () => void
}

const ROW = 'flex h-8 items-center gap-2.5 rounded px-2 text-13 text-ink-2 transition-colors duration-[120ms] hover:bg-hover hover:text-ink data-[status=active]:bg-pressed data-[status=active]:font-medium data-[status=active]:text-ink'

export function Rail({ isNarrow, onNarrow, onSearch, onGo }: RailProps) {
  const can = useCan()
  const active = useActiveJobs()
  return (
    <div className="flex h-full flex-col gap-3 p-2.5">
      <Switcher isNarrow={isNarrow} />
      <Named isNarrow={isNarrow} label="Search and do" shortcut="mod+k">
        <button type="button" onClick={onSearch} aria-label={isNarrow ? 'Search and do' : undefined} className={cx(ROW, 'border border-line bg-surface', isNarrow && 'justify-center px-0')}>
          <Search size={15} aria-hidden />
          {!isNarrow && (
            <>
              <span className="flex-1 text-left">Search</span>
              <Keys of="mod+k" />
            </>
          )}
        </button>
      </Named>
      <nav aria-label="Main" className="flex flex-col gap-0.5">
        {PLACES.filter((place) => place.isInner !== true && (place.needs === undefined || can(place.needs))).map((place) => (
          <Named key={place.label} isNarrow={isNarrow} label={place.label} shortcut={place.keys}>
            <Link
              to={place.to}
              onClick={onGo}
              aria-label={isNarrow ? place.label : undefined}
              activeOptions={{ exact: place.to === '/', includeSearch: false }}
                            className={cx(ROW, isNarrow && 'justify-center px-0')}
            >
              <place.icon size={16} aria-hidden />
              {!isNarrow && <span className="flex-1">{place.label}</span>}
              {place.to === '/jobs' && !isNarrow && active > 0 && (
                <span className="flex items-center gap-1.5 text-12 text-ink-2">
                  <Mark tone="changing" />
                  <span aria-hidden>{active}</span>
                  <span className="sr-only">, {active} under way</span>
                </span>
              )}
            </Link>
          </Named>
        ))}
      </nav>
      <div className="mt-auto flex flex-col gap-0.5">
        <Named isNarrow={isNarrow} label="API reference">
          <Link to="/api/v1/docs" onClick={onGo} aria-label={isNarrow ? 'API reference' : undefined} className={cx(ROW, isNarrow && 'justify-center px-0')}>
            <BookOpen size={16} aria-hidden />
            {!isNarrow && 'API reference'}
          </Link>
        </Named>
        {onNarrow !== undefined && (
          <Named isNarrow={isNarrow} label="Expand" shortcut="[">
            <button type="button" onClick={() => onNarrow(!isNarrow)} aria-label={isNarrow ? 'Expand' : undefined} className={cx(ROW, isNarrow && 'justify-center px-0')}>
              {isNarrow ? <PanelLeft size={16} aria-hidden /> : <PanelLeftClose size={16} aria-hidden />}
              {!isNarrow && 'Collapse'}
            </button>
          </Named>
        )}
        <Account isNarrow={isNarrow} />
      </div>
    </div>
  )
}

function Named({ isNarrow, label, shortcut, children }: { isNarrow: boolean; label: string; shortcut?: string; children: ReactNode }) {
  return isNarrow ? (
    <Tip text={label} shortcut={shortcut} side="right">
      <div className="flex flex-col">{children}</div>
    </Tip>
  ) : (
    children
  )
}

function Switcher({ isNarrow }: { isNarrow: boolean }) {
  const me = useMe()
  const workspace = useWorkspace()
  const navigate = useNavigate()
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" aria-label={`Workspace ${workspace.name}: switch`} className={cx('flex h-10 items-center gap-2.5 rounded px-1.5 text-left transition-colors duration-[120ms] hover:bg-hover data-[state=open]:bg-hover', isNarrow && 'justify-center px-0')}>
          <Logo size={24} />
          {!isNarrow && (
            <>
              <span className="min-w-0 flex-1 truncate text-14 font-semibold tracking-tight">{workspace.name}</span>
              <ChevronsUpDown size={14} aria-hidden className="text-ink-3" />
            </>
          )}
        </button>
      }
    >
      <MenuLabel>Workspaces</MenuLabel>
      <MenuChoice
        value={workspace.workspace}
        onValue={(next) => {
          chooseWorkspace(next)
          void navigate({ to: '/' })
        }}
        options={me.memberships.map((each) => ({ value: each.workspace, label: each.archived_at === null ? each.name : `${each.name} (archived)` }))}
      />
      {me.user.is_platform_admin && (
        <>
          <MenuLine />
          <MenuItem icon={Plus} onSelect={() => askForWorkspace(true)}>
            New workspace
          </MenuItem>
        </>
      )}
    </Menu>
  )
}

const THEMES = [
  { value: 'system', label: 'System theme', icon: Monitor },
  { value: 'light', label: 'Light', icon: Sun },
  { value: 'dark', label: 'Dark', icon: Moon },
]

function Account({ isNarrow }: { isNarrow: boolean }) {
  const { user } = useMe()
  const { role } = useWorkspace()
  const theme = useTheme()
  const signOut = useSignOut()
  const initials = user.name
    .split(/\s+/)
    .map((word) => word.charAt(0))
    .slice(0, 2)
    .join('')
    .toUpperCase()
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" aria-label={isNarrow ? `Account of ${user.name}` : undefined} className={cx('mt-1 flex h-11 items-center gap-2.5 rounded px-1.5 text-left transition-colors duration-[120ms] hover:bg-hover data-[state=open]:bg-hover', isNarrow && 'justify-center px-0')}>
          <span aria-hidden className="flex size-7 shrink-0 items-center justify-center rounded-full border border-line bg-surface text-12 font-medium text-ink-2">
            {initials}
          </span>
          {!isNarrow && (
            <span className="min-w-0 flex-1 leading-4">
              <span className="block truncate text-13 font-medium">{user.name}</span>
              <span className="block truncate text-12 text-ink-3">{user.is_platform_admin ? 'Platform admin' : (role ?? '')}</span>
            </span>
          )}
        </button>
      }
    >
      <MenuLabel>{user.email}</MenuLabel>
      <MenuLine />
      <MenuChoice value={theme} onValue={(value) => setTheme(value as Theme)} options={THEMES} />
      <MenuLine />
      <MenuItem icon={LogOut} onSelect={signOut}>
        Sign out
      </MenuItem>
    </Menu>
  )
}
