// Text to take away: commands, ids, secrets.

import { Check, Copy as CopyIcon } from 'lucide-react'
import { useEffect, useState } from 'react'
import { IconButton } from './button'
import { cx } from './cx'

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Without a secure context there is no clipboard API: the old way still works after a click.
    const area = document.createElement('textarea')
    area.value = text
    area.style.position = 'fixed'
    area.style.opacity = '0'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

/** A button that copies, and says that it did. Long texts come as a function, and are made when they are wanted. */
export function Copy({ text, label = 'Copy', className }: { text: string | (() => string); label?: string; className?: string }) {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    if (!isDone) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [isDone])
  return (
    <>
      <IconButton
        icon={isDone ? Check : CopyIcon}
        label={isDone ? 'Copied' : label}
        onClick={() => void copy(typeof text === 'string' ? text : text()).then(setDone)}
        className={cx('size-6', className)}
      />
      <span role="status" className="sr-only">
        {isDone ? 'Copied' : ''}
      </span>
    </>
  )
}

/** A command or a piece of a file, with a button that copies it. */
export function Code({ text, label, className, wrap = true }: { text: string; label?: string; className?: string; wrap?: boolean }) {
  return (
    <div className={cx('group relative rounded border border-line bg-bg', className)}>
      <pre
        tabIndex={0}
        aria-label={label}
        role="group"
        className={cx('overflow-x-auto py-2.5 pr-10 pl-3 font-mono text-12 leading-5 text-ink', wrap && 'break-all whitespace-pre-wrap')}
      >
        {text}
      </pre>
      <Copy text={text} label={label === undefined ? 'Copy' : `Copy ${label}`} className="absolute top-1.5 right-1.5" />
    </div>
  )
}
