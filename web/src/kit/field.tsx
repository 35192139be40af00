// Form fields: a label, the control, help or what is wrong. Ids are wired so that screen readers say all three.

import { Eye, EyeOff, Search, X } from 'lucide-react'
import { Checkbox as RadixCheckbox, Switch as RadixSwitch } from 'radix-ui'
import { type InputHTMLAttributes, type ReactNode, type Ref, type TextareaHTMLAttributes, useId, useState } from 'react'
import { IconButton } from './button'
import { cx } from './cx'
import { asSentence } from './state'

const BOX =
  'w-full rounded border border-line-strong bg-surface text-13 text-ink transition-colors duration-[120ms] hover:border-ink-3 focus:border-accent-ink focus:outline-2 focus:-outline-offset-1 focus:outline-accent-ink disabled:opacity-60 aria-invalid:border-failed'

export interface Wiring {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

/** Wraps a control. `children` gets the ids to put on it. */
export function Field({ label, help, error, hint, children, isRequired }: { label: string; help?: ReactNode; error?: string | undefined; hint?: ReactNode; isRequired?: boolean; children: (wiring: Wiring) => ReactNode }) {
  const id = useId()
  const hasText = error !== undefined || (help !== undefined && help !== '')
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="text-13 font-medium">
          {label}
          {isRequired && <span className="font-normal text-ink-3"> · required</span>}
        </label>
        {hint !== undefined && <span className="text-12 text-ink-3">{hint}</span>}
      </div>
      {children({ id, 'aria-describedby': hasText ? `${id}-text` : undefined, 'aria-invalid': error === undefined ? undefined : true })}
      {hasText && (
        <p id={`${id}-text`} className={cx('text-12', error === undefined ? 'text-ink-3' : 'text-failed')} role={error === undefined ? undefined : 'alert'}>
          {error === undefined ? help : asSentence(error)}
        </p>
      )}
    </div>
  )
}

/** One line of text. */
export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  return <input {...rest} className={cx(BOX, 'h-8 px-2.5', className)} />
}

/** Several lines of text. */
export function Textarea({ className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea rows={4} {...rest} className={cx(BOX, 'px-2.5 py-1.5 font-mono', className)} />
}

/** A secret: hidden until somebody wants to see it. */
export function SecretInput(props: InputHTMLAttributes<HTMLInputElement>) {
  const [isShown, setShown] = useState(false)
  return (
    <div className="relative">
      <Input {...props} type={isShown ? 'text' : 'password'} className="pr-9" spellCheck={false} autoCapitalize="off" />
      <IconButton
        icon={isShown ? EyeOff : Eye}
        label={isShown ? 'Hide' : 'Show'}
        onClick={() => setShown(!isShown)}
        className="absolute top-0.5 right-0.5"
      />
    </div>
  )
}

/** A search box; `Esc` empties it. */
export function SearchInput({ value, onValue, label, className, ...rest }: { value: string; onValue: (value: string) => void; label: string } & Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> & { ref?: Ref<HTMLInputElement> }) {
  return (
    <div className={cx('relative', className)}>
      <Search size={14} aria-hidden className="pointer-events-none absolute top-[9px] left-2.5 text-ink-3" />
      <Input
        {...rest}
        type="search"
        aria-label={label}
        placeholder={rest.placeholder ?? label}
        value={value}
        onChange={(change) => onValue(change.target.value)}
        onKeyDown={(key) => {
          if (key.key === 'Escape') {
            if (value === '') key.currentTarget.blur()
            onValue('')
          }
        }}
        className="pr-7 pl-8 [&::-webkit-search-cancel-button]:hidden"
      />
      {value !== '' && (
        <button type="button" aria-label="Clear the search" onClick={() => onValue('')} className="absolute top-1.5 right-1.5 flex size-5 items-center justify-center rounded text-ink-3 hover:text-ink">
          <X size={13} aria-hidden />
        </button>
      )}
    </div>
  )
}

/** On or off, at once. */
export function Switch({ isOn, onChange, label, ...wiring }: { isOn: boolean; onChange: (isOn: boolean) => void; label?: string; id?: string; disabled?: boolean; 'aria-describedby'?: string | undefined }) {
  return (
    <RadixSwitch.Root
      {...wiring}
      checked={isOn}
      onCheckedChange={onChange}
      aria-label={label}
      className="relative h-5 w-9 shrink-0 rounded-full border border-line-strong bg-hover transition-colors duration-[120ms] data-[state=checked]:border-accent data-[state=checked]:bg-accent disabled:opacity-50"
    >
      <RadixSwitch.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-ink-3 transition-transform duration-[120ms] data-[state=checked]:translate-x-[18px] data-[state=checked]:bg-on-accent" />
    </RadixSwitch.Root>
  )
}

/** A check box, with a third state for "some of them". */
export function Checkbox({ isChecked, onChange, label, className, ...rest }: { isChecked: boolean | 'some'; onChange: (isChecked: boolean) => void; label: string; className?: string; id?: string; tabIndex?: number; disabled?: boolean }) {
  return (
    <RadixCheckbox.Root
      {...rest}
      checked={isChecked === 'some' ? 'indeterminate' : isChecked}
      onCheckedChange={(value) => onChange(value === true)}
      aria-label={label}
      className={cx(
        'flex size-4 shrink-0 items-center justify-center rounded-[4px] border border-line-strong bg-surface text-on-accent transition-colors duration-[120ms] hover:border-ink-3 data-[state=checked]:border-accent data-[state=checked]:bg-accent data-[state=indeterminate]:border-accent data-[state=indeterminate]:bg-accent disabled:opacity-50',
        className,
      )}
    >
      <RadixCheckbox.Indicator>
        <svg viewBox="0 0 12 12" width="12" height="12" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden>
          {isChecked === 'some' ? <path d="M3 6h6" /> : <path d="m2.5 6.3 2.3 2.3 4.7-5" />}
        </svg>
      </RadixCheckbox.Indicator>
    </RadixCheckbox.Root>
  )
}
