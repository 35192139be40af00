// Where the panel begins.

import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { whenSignedOut } from './api/client'
import { ApiError } from './api/error'
import './app.css'
import { TipProvider } from './kit/tooltip'
import { stopLive } from './live'
import { makeRouter } from './router'
import { meQuery } from './session/me'

const TRIES = 3

const client = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      // The event stream says when something changed; until then what is held is true.
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: true,
      retry: (failures, error) => failures < TRIES && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
    mutations: { retry: false },
  },
})

const router = makeRouter(client)

whenSignedOut(() => {
  // Only once, and not while the page is finding out who is signed in.
  if (client.getQueryData(meQuery.queryKey) === undefined) return
  client.removeQueries({ queryKey: meQuery.queryKey })
  stopLive()
  if (window.location.pathname === '/sign-in') return
  const next = window.location.pathname + window.location.search
  void router.navigate({ to: '/sign-in', search: next === '/' ? {} : { next } })
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <TipProvider>
        <RouterProvider router={router} />
      </TipProvider>
    </QueryClientProvider>
  </StrictMode>,
)
