// Asks "Is it you?" whenever any request of the panel is answered that way, so no page has to think of it.

import { Suspense, lazy, useEffect, useState } from 'react'
import { whenUnconfirmed } from '../api/client'

const Question = lazy(() => import('./prove').then((m) => ({ default: m.Question })))

type Waiting = (isProven: boolean) => void

/** Belongs on every page, once. Several requests at the same time are one question. */
export function ProveGate() {
  const [waiting, setWaiting] = useState<Waiting[]>([])
  useEffect(() => {
    whenUnconfirmed(() => new Promise((resolve) => setWaiting((others) => [...others, resolve])))
    return () => whenUnconfirmed(undefined)
  }, [])
  if (waiting.length === 0) return null
  const answer = (isProven: boolean) => {
    setWaiting([])
    for (const each of waiting) each(isProven)
  }
  return (
    <Suspense>
      <Question onDone={() => answer(true)} onClose={() => answer(false)} />
    </Suspense>
  )
}
