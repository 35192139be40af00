// Menus: more verbs than fit, and the switcher.

import type { LucideIcon } from 'lucide-react'
import { DropdownMenu as Radix } from 'radix-ui'
import type { ReactElement, ReactNode } from 'react'
import { cx } from './cx'
import { Keys } from './keys'

const CONTENT = 'fade z-50 min-w-48 rounded border border-line bg-raised p-1 shadow-float'
const ITEM = 'flex h-8 cursor-default items-center gap-2 rounded px-2 text-13 outline-none select-none data-[disabled]:opacity-45 data-[highlighted]:bg-hover'

export function Menu({ trigger, align = 'end', children }: { trigger: ReactElement; align?: 'start' | 'end'; children: ReactNode }) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align={align} sideOffset={4} collisionPadding={8} className={CONTENT}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export function MenuItem({ icon: Icon, onSelect, isDanger, isDisabled, shortcut, children }: { icon?: LucideIcon; onSelect: () => void; isDanger?: boolean; isDisabled?: boolean; shortcut?: string; children: ReactNode }) {
  return (
    <Radix.Item onSelect={onSelect} disabled={isDisabled} className={cx(ITEM, isDanger === true && 'text-failed')}>
      {Icon && <Icon size={14} aria-hidden className={isDanger === true ? undefined : 'text-ink-2'} />}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {shortcut !== undefined && <Keys of={shortcut} />}
    </Radix.Item>
  )
}

export function MenuChoice({ value, onValue, options }: { value: string; onValue: (value: string) => void; options: { value: string; label: string; icon?: LucideIcon }[] }) {
  return (
    <Radix.RadioGroup value={value} onValueChange={onValue}>
      {options.map(({ value: each, label, icon: Icon }) => (
        <Radix.RadioItem key={each} value={each} className={ITEM}>
          {Icon && <Icon size={14} aria-hidden className="text-ink-2" />}
          <span className="min-w-0 flex-1 truncate">{label}</span>
          <Radix.ItemIndicator className="text-accent-ink">✓</Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  )
}

export const MenuLine = () => <Radix.Separator className="my-1 h-px bg-line" />
export const MenuLabel = ({ children }: { children: ReactNode }) => <Radix.Label className="px-2 py-1 text-12 text-ink-3">{children}</Radix.Label>
