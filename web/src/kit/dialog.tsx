// Dialogs and side sheets: one title, one purpose, `Esc` closes.

import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import { type ReactNode, useState } from 'react'
import { Button, IconButton } from './button'
import { cx } from './cx'
import { ErrorBox } from './error'
import { Field, Input } from './field'

interface Frame {
  isOpen: boolean
  onClose: () => void
  title: ReactNode
  /** One sentence under the title. */
  about?: ReactNode
  children: ReactNode
  footer?: ReactNode
}

function Inside({ title, about, children, footer }: Omit<Frame, 'isOpen' | 'onClose'>) {
  return (
    <>
      <header className="flex items-start gap-3 px-5 pt-4 pb-3">
        <div className="min-w-0 flex-1">
          <Radix.Title className="text-16 font-semibold">{title}</Radix.Title>
          {about !== undefined ? (
            <Radix.Description className="mt-1 text-13 text-ink-2">{about}</Radix.Description>
          ) : (
            <Radix.Description className="sr-only">{title}</Radix.Description>
          )}
        </div>
        <Radix.Close asChild>
          <IconButton icon={X} label="Close" className="-mr-2" />
        </Radix.Close>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
      {footer !== undefined && (
        <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">{footer}</footer>
      )}
    </>
  )
}

/** The frame gets the focus unless a field asked for it: on the first button it would open that button's tooltip. */
function onFrame(event: Event): void {
  event.preventDefault()
  if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus()
}

/** A dialog in the middle. */
export function Dialog({ isOpen, onClose, wide, ...inside }: Frame & { wide?: boolean }) {
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fade fixed inset-0 z-40 bg-scrim" />
        <Radix.Content
          onOpenAutoFocus={onFrame}
          className={cx(
            'appear fixed inset-x-3 top-[max(12px,12vh)] z-40 mx-auto flex max-h-[76vh] flex-col rounded border border-line bg-raised shadow-float outline-none',
            wide === true ? 'max-w-2xl' : 'max-w-lg',
          )}
        >
          <Inside {...inside} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** A sheet at the right side; the list behind stays where it is. */
export function Sheet({ isOpen, onClose, ...inside }: Frame) {
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fade fixed inset-0 z-40 bg-scrim" />
        <Radix.Content onOpenAutoFocus={onFrame} className="slide fixed inset-y-0 right-0 z-40 flex w-full max-w-lg flex-col border-l border-line bg-raised shadow-float outline-none">
          <Inside {...inside} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export interface ConfirmProps {
  isOpen: boolean
  onClose: () => void
  title: string
  /** What will be lost, in numbers. */
  losses: ReactNode[]
  /** The verb on the button. */
  verb: string
  /** Must be typed before the button works. */
  name?: string
  isPending: boolean
  error: unknown
  onConfirm: () => void
}

/** The question before something that cannot be undone. */
export function Confirm({ isOpen, onClose, title, losses, verb, name, isPending, error, onConfirm }: ConfirmProps) {
  const [typed, setTyped] = useState('')
  const isSure = name === undefined || typed.trim() === name
  const close = () => {
    setTyped('')
    onClose()
  }
  return (
    <Dialog
      isOpen={isOpen}
      onClose={close}
      title={title}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look="danger" form="confirm" type="submit" disabled={!isSure} isPending={isPending}>
            {verb}
          </Button>
        </>
      }
    >
      <form
        id="confirm"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          if (isSure) onConfirm()
        }}
      >
        <ul className="flex flex-col gap-1.5 text-13 text-ink-2">
          {losses.map((loss, i) => (
            <li key={i} className="flex gap-2">
              <span aria-hidden className="mt-2 size-1 shrink-0 rounded-full bg-ink-3" />
              <span>{loss}</span>
            </li>
          ))}
        </ul>
        {name !== undefined && (
          <Field label={`Type ${name} to confirm`}>
            {(wiring) => <Input {...wiring} value={typed} onChange={(change) => setTyped(change.target.value)} autoComplete="off" spellCheck={false} autoFocus />}
          </Field>
        )}
        {error != null && <ErrorBox error={error} doing={verb.toLowerCase()} />}
      </form>
    </Dialog>
  )
}
