// Tabs: of a page (links, so they have an address), and of a small place (buttons).

import { Link, type LinkProps, useLocation } from '@tanstack/react-router'
import { Tabs as Radix } from 'radix-ui'
import { type ReactNode, useEffect, useRef } from 'react'
import { cx } from './cx'

const TAB =
  'relative inline-flex h-9 items-center gap-1.5 px-0.5 text-13 whitespace-nowrap text-ink-2 transition-colors duration-[120ms] hover:text-ink after:absolute after:inset-x-0 after:bottom-0 after:h-0.5 after:rounded-full'
const CURRENT = 'data-[status=active]:font-medium data-[status=active]:text-ink data-[status=active]:after:bg-ink'

export interface TabLink {
  label: string
  link: LinkProps
  count?: number
}

/** Tabs under a page's title. */
export function PageTabs({ tabs, label }: { tabs: TabLink[]; label: string }) {
  const bar = useRef<HTMLElement>(null)
  const { pathname } = useLocation()
  // On a phone the bar scrolls: what one is on shall be seen.
  useEffect(() => {
    bar.current?.querySelector('[data-status=active]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [pathname])
  return (
    <nav ref={bar} aria-label={label} className="flex gap-5 overflow-x-auto border-b border-line px-4 [scrollbar-width:none] sm:px-6">
      {tabs.map((tab) => (
        <Link key={tab.label} {...tab.link} className={cx(TAB, CURRENT)} activeOptions={{ exact: true, includeSearch: false }}>
          {tab.label}
          {tab.count !== undefined && <span className="rounded-full bg-hover px-1.5 text-12 text-ink-2">{tab.count}</span>}
        </Link>
      ))}
    </nav>
  )
}

/** Tabs inside a place. */
export function Tabs({ tabs, value, onValue, label, className }: { tabs: { value: string; label: string; content: ReactNode }[]; value?: string; onValue?: (value: string) => void; label: string; className?: string }) {
  return (
    <Radix.Root value={value} onValueChange={onValue} defaultValue={value === undefined ? tabs[0]?.value : undefined} className={className}>
      <Radix.List aria-label={label} className="flex gap-4 border-b border-line">
        {tabs.map((tab) => (
          <Radix.Trigger key={tab.value} value={tab.value} className={cx(TAB, 'data-[state=active]:font-medium data-[state=active]:text-ink data-[state=active]:after:bg-ink')}>
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className="pt-3 outline-none">
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  )
}

/** Two to four choices side by side, the chosen one raised. */
export function Segments({ value, onValue, options, label }: { value: string; onValue: (value: string) => void; options: { value: string; label: ReactNode }[]; label: string }) {
  const step = (by: number, box: HTMLElement) => {
    const to = (options.findIndex((option) => option.value === value) + by + options.length) % options.length
    onValue(options[to]?.value ?? value)
    box.querySelectorAll<HTMLElement>('[role=radio]')[to]?.focus()
  }
  return (
    <div
      role="radiogroup"
      aria-label={label}
      onKeyDown={(key) => {
        const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key.key]
        if (by === undefined) return
        key.preventDefault()
        step(by, key.currentTarget)
      }}
      className="inline-flex h-8 items-center rounded border border-line bg-bg p-0.5"
    >
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          tabIndex={option.value === value ? 0 : -1}
          aria-checked={option.value === value}
          onClick={() => onValue(option.value)}
          className={cx(
            'h-[26px] rounded-[4px] px-2.5 text-13 transition-colors duration-[120ms]',
            option.value === value ? 'border border-line bg-raised font-medium text-ink' : 'border border-transparent text-ink-2 hover:text-ink',
          )}
        >
          {option.label}
        </button>
      ))}
    </div>
  )
}
