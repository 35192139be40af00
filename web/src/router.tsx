// Every address of the panel. Pages are loaded when somebody goes there.

import type { QueryClient } from '@tanstack/react-query'
import { Outlet, createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { ProveGate } from './account/gate'
import { asError } from './api/error'
import { readSearch as readActivity } from './event/search'
import { PageSkeleton } from './kit/skeleton'
import { meQuery, setupQuery } from './session/me'
import { readSearch as readSignIn } from './session/link'
import { Shell } from './shell/shell'
import { Broken, NotFound } from './shell/trouble'
import { readSearch as readList } from './workload/search'

function Root() {
  return (
    <>
      <Outlet />
      <ProveGate />
    </>
  )
}

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Root, notFoundComponent: NotFound, errorComponent: Broken })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: readSignIn,
  loader: ({ context }) => context.client.ensureQueryData(setupQuery).catch(() => undefined),
  component: lazyRouteComponent(() => import('./session/sign-in'), 'Page'),
})

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  loader: ({ context }) => context.client.ensureQueryData(setupQuery),
  component: lazyRouteComponent(() => import('./session/setup'), 'Page'),
})

const forgot = createRoute({ getParentRoute: () => root, path: '/forgot', component: lazyRouteComponent(() => import('./session/forgot'), 'Page') })
const reset = createRoute({ getParentRoute: () => root, path: '/reset', component: lazyRouteComponent(() => import('./session/reset'), 'Page') })
const invite = createRoute({ getParentRoute: () => root, path: '/invite', component: lazyRouteComponent(() => import('./session/invite'), 'Page') })

/** Everything that needs a session. */
const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  component: Shell,
  notFoundComponent: NotFound,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.ensureQueryData(meQuery)
    } catch (error) {
      if (asError(error).status !== 401) throw error
      const status = await context.client.fetchQuery(setupQuery)
      if (status.state === 'setup') throw redirect({ to: '/setup', hash: location.hash })
      throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { next: location.href } })
    }
  },
})

const overview = createRoute({ getParentRoute: () => app, path: '/', component: lazyRouteComponent(() => import('./overview/page'), 'Page') })

const workloads = createRoute({ getParentRoute: () => app, path: '/workloads', validateSearch: readList, component: lazyRouteComponent(() => import('./workload/list'), 'Page') })
const workloadNew = createRoute({
  getParentRoute: () => app,
  path: '/workloads/new',
  validateSearch: (raw: Record<string, unknown>): { template?: string } => (typeof raw.template === 'string' ? { template: raw.template } : {}),
  component: lazyRouteComponent(() => import('./workload/create'), 'Page'),
})
const workload = createRoute({ getParentRoute: () => app, path: '/workloads/$workload', component: lazyRouteComponent(() => import('./workload/page'), 'Page') })
const tabs = () => import('./workload/tabs')
const workloadTabs = [
  createRoute({ getParentRoute: () => workload, path: '/', component: lazyRouteComponent(tabs, 'OverviewTab') }),
  createRoute({ getParentRoute: () => workload, path: '/console', component: lazyRouteComponent(tabs, 'ConsoleTab') }),
  createRoute({ getParentRoute: () => workload, path: '/settings', component: lazyRouteComponent(tabs, 'SettingsTab') }),
  createRoute({ getParentRoute: () => workload, path: '/activity', component: lazyRouteComponent(tabs, 'ActivityTab') }),
] as const

const matches = createRoute({
  getParentRoute: () => app,
  path: '/matches',
  validateSearch: (raw: Record<string, unknown>): { state?: 'archived' } => (raw.state === 'archived' ? { state: 'archived' } : {}),
  component: lazyRouteComponent(() => import('./match/list'), 'Page'),
})
const match = createRoute({ getParentRoute: () => app, path: '/matches/$match', component: lazyRouteComponent(() => import('./match/page'), 'Page') })
const bots = createRoute({ getParentRoute: () => app, path: '/matches/bots', component: lazyRouteComponent(() => import('./bot/page'), 'Page') })

const nodes = createRoute({
  getParentRoute: () => app,
  path: '/nodes',
  validateSearch: (raw: Record<string, unknown>): { join?: boolean } => (raw.join === true || raw.join === 'true' ? { join: true } : {}),
  component: lazyRouteComponent(() => import('./node/list'), 'Page'),
})
const node = createRoute({ getParentRoute: () => app, path: '/nodes/$node', component: lazyRouteComponent(() => import('./node/page'), 'Page') })

const jobs = createRoute({ getParentRoute: () => app, path: '/jobs', component: lazyRouteComponent(() => import('./job/page'), 'ListPage') })
const job = createRoute({ getParentRoute: () => app, path: '/jobs/$job', component: lazyRouteComponent(() => import('./job/page'), 'DetailPage') })

const activity = createRoute({ getParentRoute: () => app, path: '/activity', validateSearch: readActivity, component: lazyRouteComponent(() => import('./event/page'), 'Page') })
const audit = createRoute({ getParentRoute: () => app, path: '/activity/audit', component: lazyRouteComponent(() => import('./audit/page'), 'Page') })

const settings = createRoute({ getParentRoute: () => app, path: '/settings', component: lazyRouteComponent(() => import('./settings/page'), 'Page') })
const security = createRoute({ getParentRoute: () => app, path: '/settings/security', component: lazyRouteComponent(() => import('./account/security'), 'Page') })
const members = createRoute({ getParentRoute: () => app, path: '/settings/workspace', component: lazyRouteComponent(() => import('./workspace/page'), 'Page') })
const roles = createRoute({ getParentRoute: () => app, path: '/settings/roles', component: lazyRouteComponent(() => import('./role/page'), 'Page') })
const teams = createRoute({ getParentRoute: () => app, path: '/settings/teams', component: lazyRouteComponent(() => import('./team/page'), 'Page') })
const users = createRoute({ getParentRoute: () => app, path: '/settings/people', component: lazyRouteComponent(() => import('./user/page'), 'Page') })
const platform = createRoute({ getParentRoute: () => app, path: '/settings/platform', component: lazyRouteComponent(() => import('./settings/platform'), 'Page') })
const keys = createRoute({ getParentRoute: () => app, path: '/settings/keys', component: lazyRouteComponent(() => import('./key/page'), 'Page') })

const docs = createRoute({ getParentRoute: () => app, path: '/api/v1/docs', component: lazyRouteComponent(() => import('./docs/page'), 'Page') })
const kit = createRoute({ getParentRoute: () => app, path: '/_kit', component: lazyRouteComponent(() => import('./kit/page'), 'Page') })

/** Anything else: inside the frame, so that one can go on from there. */
const lost = createRoute({ getParentRoute: () => app, path: '$', component: NotFound })

const tree = root.addChildren([
  signIn,
  setup,
  forgot,
  reset,
  invite,
  app.addChildren([overview, workloads, workloadNew, workload.addChildren(workloadTabs), matches, bots, match, nodes, node, jobs, job, activity, audit, settings, security, members, roles, teams, users, platform, keys, docs, kit, lost]),
])

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: 'intent',
    defaultPendingComponent: PageSkeleton,
    defaultPendingMs: 120,
    defaultErrorComponent: Broken,
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
