// Tooltips: what an icon means, and the exact value behind a rounded one. Never the only place of a fact.

import { Tooltip } from 'radix-ui'
import type { ReactElement, ReactNode } from 'react'
import { Keys } from './keys'

export function Tip({ text, shortcut, side = 'bottom', children }: { text: ReactNode; shortcut?: string | undefined; side?: 'top' | 'right' | 'bottom' | 'left'; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="fade z-50 flex max-w-72 items-center gap-2 rounded border border-line bg-raised px-2 py-1 text-12 text-ink shadow-float"
        >
          {text}
          {shortcut !== undefined && <Keys of={shortcut} />}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  )
}

export const TipProvider = ({ children }: { children: ReactNode }) => (
  <Tooltip.Provider delayDuration={350} skipDelayDuration={150}>
    {children}
  </Tooltip.Provider>
)
