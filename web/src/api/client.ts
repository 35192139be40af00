// The one way to the API: typed by the OpenAPI document, with errors that carry their reason and request id.

import createClient, { type Middleware } from 'openapi-fetch'
import { ApiError, type ErrorBody, offline } from './error'
import type { paths } from './generated/schema'

type SignedOut = () => void
let onSignedOut: SignedOut = () => {}

/** Calls `then` whenever the server says that nobody is signed in any more. */
export function whenSignedOut(then: SignedOut): void {
  onSignedOut = then
}

type Ask = () => Promise<boolean>
let askWhoItIs: Ask | undefined

/** Calls `ask` whenever the server wants to know first who is there; after `true` the request is sent again. */
export function whenUnconfirmed(ask: Ask | undefined): void {
  askWhoItIs = ask
}

/** Changes on their way, to be sent again: the body of a request is read once. */
const copies = new WeakMap<Request, Request>()

const manners: Middleware = {
  onRequest({ request }) {
    if (request.method !== 'GET') {
      // A page of another origin cannot set this header, so it cannot change anything here.
      request.headers.set('X-Ostler-Csrf', '1')
      copies.set(request, request.clone())
    }
    return request
  },
  async onResponse({ request, response }) {
    const isSignIn = request.url.includes('/auth/') || request.url.includes('/setup/')
    if (response.status === 401 && !isSignIn) onSignedOut()
    const copy = copies.get(request)
    if (response.status !== 403 || copy === undefined || askWhoItIs === undefined) return undefined
    const said = (await response.clone().json().catch(() => undefined)) as Partial<ErrorBody> | undefined
    if (said?.error !== 'confirm_first') return undefined
    return (await askWhoItIs()) ? fetch(copy) : undefined
  },
}

export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' })
api.use(manners)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a good answer; throws an [`ApiError`] otherwise. */
export async function ok<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>
  try {
    got = await answer
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw offline(cause)
  }
  if (!got.response.ok) throw ApiError.from(got.response, got.error as Partial<ErrorBody> | string | undefined)
  return got.data as T
}

/** How many items of a list the panel holds at most. Beyond it, it says that there are more. */
export const LIST_MOST = 20_000
const PAGE = 200

export interface Listing<T> {
  items: T[]
  /** There are more than the panel holds. */
  isCut: boolean
}

/** All pages of a list, up to [`LIST_MOST`] items. */
export async function all<T>(
  page: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; next_cursor?: string | null }>,
): Promise<Listing<T>> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const got = await page({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    items.push(...got.items)
    cursor = got.next_cursor ?? undefined
  } while (cursor !== undefined && items.length < LIST_MOST)
  return { items, isCut: cursor !== undefined }
}
