// Buttons: a verb, maybe an icon, and the truth about whether something is under way.

import { Link, type LinkProps } from '@tanstack/react-router'
import { LoaderCircle, type LucideIcon } from 'lucide-react'
import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { cx } from './cx'
import { Tip } from './tooltip'

export type Look = 'main' | 'plain' | 'ghost' | 'danger'

const LOOKS: Record<Look, string> = {
  main: 'bg-accent text-on-accent border-transparent hover:bg-accent-hover',
  plain: 'bg-raised text-ink border-line-strong hover:bg-hover',
  ghost: 'border-transparent text-ink-2 hover:bg-hover hover:text-ink',
  danger: 'bg-failed-strong text-on-accent border-transparent hover:brightness-110',
}

const SHAPE =
  'inline-flex shrink-0 items-center justify-center gap-1.5 rounded border text-13 font-medium whitespace-nowrap select-none transition-colors duration-[120ms] disabled:opacity-50 aria-disabled:opacity-50'

export function shape(look: Look, small = false): string {
  return cx(SHAPE, LOOKS[look], small ? 'h-7 px-2' : 'h-8 px-3')
}

interface Common {
  look?: Look
  small?: boolean
  icon?: LucideIcon
  children: ReactNode
}

export interface ButtonProps extends Common, Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'children'> {
  /** Something was asked for and has not answered yet: shown at once, and cannot be pressed again. */
  isPending?: boolean
  ref?: Ref<HTMLButtonElement>
}

/** A button. Its text is a verb. */
export function Button({ look = 'plain', small, icon: Icon, isPending, children, className, type, ...rest }: ButtonProps) {
  return (
    <button
      type={type ?? 'button'}
      {...rest}
      className={cx(shape(look, small), className)}
      disabled={rest.disabled === true || isPending === true}
      aria-busy={isPending}
    >
      {isPending ? <LoaderCircle size={14} className="turn" aria-hidden /> : Icon && <Icon size={14} aria-hidden />}
      {children}
    </button>
  )
}

/** A link that looks like a button. */
export function ButtonLink({ look = 'plain', small, icon: Icon, children, className, ...rest }: Common & LinkProps & { className?: string }) {
  return (
    <Link {...(rest as LinkProps)} className={cx(shape(look, small), className)}>
      {Icon && <Icon size={14} aria-hidden />}
      {children}
    </Link>
  )
}

export interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'children'> {
  icon: LucideIcon
  /** Read aloud, and shown on hover. */
  label: string
  shortcut?: string
  isPending?: boolean
  ref?: Ref<HTMLButtonElement>
}

/** An icon alone, for rows and tool bars. Its label is a tooltip. */
export function IconButton({ icon: Icon, label, shortcut, isPending, className, ...rest }: IconButtonProps) {
  return (
    <Tip text={label} shortcut={shortcut}>
      <button
        type="button"
        {...rest}
        aria-label={label}
        disabled={rest.disabled === true || isPending === true}
        className={cx(
          'inline-flex size-7 shrink-0 items-center justify-center rounded text-ink-2 transition-colors duration-[120ms] hover:bg-hover hover:text-ink disabled:opacity-40 data-[state=open]:bg-hover data-[state=open]:text-ink',
          className,
        )}
      >
        {isPending ? <LoaderCircle size={15} className="turn" aria-hidden /> : <Icon size={15} aria-hidden />}
      </button>
    </Tip>
  )
}
