// What links may carry, and where they may lead.

/** Only paths of our own: a link must not send anybody elsewhere after sign-in. */
export function safePath(to: string | undefined): string {
  // Browsers overlook tabs and line feeds in an address and read a backslash as a slash, so `/\t/host` is another host.
  if (to === undefined || !/^\/(?!\/)[^\\\p{Cc}]*$/u.test(to) || to.startsWith('/sign-in')) return '/'
  const base = 'http://here.invalid'
  return URL.canParse(to, base) && new URL(to, base).origin === base ? to : '/'
}

/** The secret of a link like `/setup#secret=…`. A fragment never leaves the browser, so no log has it. */
export function secretOf(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('secret') ?? ''
}

/** The token of a link like `/invite#token=…`: an invitation's, or one to set a new password. */
export function tokenOf(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? ''
}

export interface SignInSearch {
  /** Where to go afterwards. */
  next?: string
  /** A provider has sent the browser back, and a second factor is wanted. */
  mfa?: true
  /** A provider has sent the browser back, and this is why nobody is in. */
  error?: string
}

/** What the address of the sign-in page says. */
export function readSearch(raw: Record<string, unknown>): SignInSearch {
  return {
    ...(typeof raw.next === 'string' ? { next: raw.next } : {}),
    ...(raw.mfa === 1 || raw.mfa === '1' || raw.mfa === true ? { mfa: true as const } : {}),
    ...(typeof raw.error === 'string' ? { error: raw.error } : {}),
  }
}
