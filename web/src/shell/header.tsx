// The one line above every page: where, what, in which state, and the main action.

import { Link, type LinkProps } from '@tanstack/react-router'
import { ChevronRight, Menu as MenuIcon } from 'lucide-react'
import { type ReactNode, createContext, useContext, useEffect } from 'react'
import { IconButton } from '../kit/button'
import { cx } from '../kit/cx'
import { remember } from './recent'

export const OpenRail = createContext<() => void>(() => {})

export interface HeaderProps {
  title: string
  above?: { label: string; link: LinkProps }
  state?: ReactNode
  actions?: ReactNode
  /** Not a page that one wants to come back to. */
  isLost?: boolean
}

export function Header({ title, above, state, actions, isLost }: HeaderProps) {
  const openRail = useContext(OpenRail)
  const kind = above?.label
  useEffect(() => {
    document.title = `${title} · Ostler`
    if (isLost !== true) remember({ path: window.location.pathname, title, ...(kind === undefined ? {} : { above: kind }) })
  }, [title, kind, isLost])
  return (
    <header className="flex min-h-[52px] flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 sm:px-6">
      <IconButton icon={MenuIcon} label="Menu" onClick={openRail} className="-ml-1.5 md:hidden" />
      <div className={cx('flex min-w-0 flex-1 items-center gap-1.5', above !== undefined && state !== undefined && actions !== undefined && 'max-sm:min-w-[60%]')}>
        {above !== undefined && (
          <span className="hidden items-center gap-1.5 sm:flex">
            <Link {...above.link} className="rounded text-13 text-ink-2 hover:text-ink">
              {above.label}
            </Link>
            <ChevronRight size={14} aria-hidden className="text-ink-3" />
          </span>
        )}
        <h1 className="truncate text-14 font-semibold">{title}</h1>
        {state !== undefined && <div className="ml-2 flex min-w-0 items-center text-13">{state}</div>}
      </div>
      {actions != null && actions !== false && <div className="flex items-center gap-2">{actions}</div>}
    </header>
  )
}

/** The scrolling part of a page. Lists are full width; prose and cards end at 1280. */
export function Content({ children, full }: { children: ReactNode; full?: boolean }) {
  return (
    // Reached by Tab, since a page may hold nothing else that can be, and must still be scrolled without a mouse.
    <div data-scroller tabIndex={0} className="min-h-0 flex-1 overflow-y-auto outline-none focus-visible:outline-1 focus-visible:-outline-offset-1 focus-visible:outline-line">
      {full === true ? children : <div className="mx-auto w-full max-w-[1280px] p-4 pb-20 sm:p-6 sm:pb-20">{children}</div>}
    </div>
  )
}

/** A titled part of a page. */
export function Section({ title, about, action, children }: { title: string; about?: ReactNode; action?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-baseline justify-between gap-2">
        <h2 className="text-14 font-semibold">{title}</h2>
        {action}
      </div>
      {about !== undefined && <p className="-mt-2 text-13 text-ink-2">{about}</p>}
      {children}
    </section>
  )
}

/** A box with a border. */
export function Card({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <div className={`rounded border border-line bg-surface ${className}`}>{children}</div>
}
