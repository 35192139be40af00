// Where one can go: the rail, the palette and the shortcuts all read this list.

import type { LinkProps } from '@tanstack/react-router'
import { Activity, Bot, Boxes, Gamepad2, KeyRound, LayoutDashboard, ListChecks, type LucideIcon, Settings, ShieldCheck, Swords } from 'lucide-react'

export interface Place {
  label: string
  to: NonNullable<LinkProps['to']>
  icon: LucideIcon
  keys: string
  /** Only for those who may. */
  needs?: 'audit:read' | 'bot:read'
  /** In the palette and the shortcuts, but not in the rail. */
  isInner?: boolean
}

export const PLACES: Place[] = [
  { label: 'Overview', to: '/', icon: LayoutDashboard, keys: 'g o' },
  { label: 'Games', to: '/workloads', icon: Gamepad2, keys: 'g w' },
  { label: 'Matches', to: '/matches', icon: Swords, keys: 'g m' },
  { label: 'Bots', to: '/matches/bots', icon: Bot, keys: 'g b', needs: 'bot:read', isInner: true },
  { label: 'Nodes', to: '/nodes', icon: Boxes, keys: 'g n' },
  { label: 'Jobs', to: '/jobs', icon: ListChecks, keys: 'g j' },
  { label: 'Activity', to: '/activity', icon: Activity, keys: 'g a' },
  { label: 'Audit trail', to: '/activity/audit', icon: ShieldCheck, keys: 'g t', needs: 'audit:read', isInner: true },
  { label: 'API keys', to: '/settings/keys', icon: KeyRound, keys: 'g k', isInner: true },
  { label: 'Settings', to: '/settings', icon: Settings, keys: 'g s' },
]
