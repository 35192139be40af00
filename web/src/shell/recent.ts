// The pages that this person was on last, for the palette. Kept in this browser, until they sign out.

const KEY = 'ostler.recent'
const MOST = 6

export interface Recent {
  path: string
  title: string
  /** What kind of page it is, such as "Nodes". */
  above?: string
}

export function recent(): Recent[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    if (!Array.isArray(read)) return []
    return read.filter((page): page is Recent => typeof page?.path === 'string' && page.path.startsWith('/') && typeof page.title === 'string')
  } catch {
    return []
  }
}

/** Puts a page first. */
export function remember(page: Recent): void {
  write([page, ...recent().filter((other) => other.path !== page.path)].slice(0, MOST))
}

/** For whoever uses this browser next. */
export function forgetRecent(): void {
  write([])
}

function write(pages: Recent[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(pages))
  } catch {
    // Without storage there are no recent pages.
  }
}
