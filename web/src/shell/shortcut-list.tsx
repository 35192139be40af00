// What `?` shows: every shortcut that works here and now.

import { Dialog } from '../kit/dialog'
import { Keys } from '../kit/keys'
import { useShortcuts } from '../kit/shortcut'

export function ShortcutList({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const all = useShortcuts()
  const groups = [...new Set(all.map((shortcut) => shortcut.group))]
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Keyboard shortcuts" wide>
      <div className="grid gap-x-8 gap-y-5 sm:grid-cols-2">
        {groups.map((group) => (
          <section key={group}>
            <h3 className="mb-1.5 text-12 font-medium text-ink-3">{group}</h3>
            <ul className="flex flex-col">
              {unique(all.filter((shortcut) => shortcut.group === group)).map((shortcut) => (
                <li key={shortcut.keys} className="flex h-8 items-center justify-between gap-3 text-13">
                  {shortcut.label}
                  <Keys of={shortcut.keys} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  )
}

function unique<T extends { keys: string }>(list: T[]): T[] {
  return [...new Map(list.map((item) => [item.keys, item])).values()]
}
