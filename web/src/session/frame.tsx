// The frame of the pages before there is a session.

import type { ReactNode } from 'react'
import { Logo } from '../shell/logo'
import { useVersion } from './me'

export function Frame({ title, about, children }: { title: string; about: ReactNode; children: ReactNode }) {
  const version = useVersion()
  return (
    <div className="flex min-h-dvh flex-col items-center bg-bg px-4 pt-[14vh] pb-8">
      <main className="w-full max-w-[400px]">
        <div className="flex items-center gap-2.5">
          <Logo size={28} />
          <span className="text-16 font-semibold tracking-tight">Ostler</span>
        </div>
        <h1 className="mt-8 text-28 font-semibold tracking-tight">{title}</h1>
        <div className="mt-1.5 text-14 text-ink-2">{about}</div>
        <div className="mt-6">{children}</div>
      </main>
      <footer className="mt-auto pt-8 text-12 text-ink-3">{version === '' ? 'Ostler' : `Ostler ${version}`}</footer>
    </div>
  )
}
