// Keyboard keys as people see them on their keyboard.

import { cx } from './cx'

const IS_MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

const NAMES: Record<string, string> = {
  mod: IS_MAC ? '⌘' : 'Ctrl',
  shift: IS_MAC ? '⇧' : 'Shift',
  enter: '↵',
  escape: 'Esc',
  up: '↑',
  down: '↓',
}

/** `g n` is one key after the other; `mod+k` is both at once. */
export function Keys({ of, className }: { of: string; className?: string }) {
  return (
    <span className={cx('inline-flex items-center gap-1', className)}>
      {of.split(' ').map((chord, i) => (
        <span key={i} className="inline-flex items-center gap-0.5">
          {chord.split('+').map((key) => (
            <kbd
              key={key}
              className="inline-flex h-[18px] min-w-[18px] items-center justify-center rounded-[4px] border border-line bg-bg px-1 font-sans text-12 leading-none text-ink-2"
            >
              {NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)}
            </kbd>
          ))}
        </span>
      ))}
    </span>
  )
}
