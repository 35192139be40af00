/** The mark: a horseshoe. */
export function Logo({ size = 20 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden className="shrink-0">
      <rect width="32" height="32" rx="7" className="fill-accent" />
      <path
        d="M9.2 24.5C7.6 21 6.8 18 7 15.2 7.3 10 11 6.5 16 6.5s8.7 3.5 9 8.7c.2 2.8-.6 5.8-2.2 9.3"
        className="fill-none stroke-on-accent"
        strokeWidth="3.2"
        strokeLinecap="round"
      />
    </svg>
  )
}
