// The short name that a name suggests, as the server makes it.

/** `Friday night!` → `friday-night`: small letters, digits and inner dashes, at most 63. */
export function shortNameOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
}
