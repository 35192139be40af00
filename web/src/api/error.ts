// What went wrong, in the words of the server's one error envelope.

import type { components } from './generated/schema'

export type ErrorBody = components['schemas']['ErrorBody']

/** A refused or failed request. */
export class ApiError extends Error {
  constructor(
    /** 0 when no answer came at all. */
    readonly status: number,
    /** A stable code, for example `not_found`. */
    readonly code: string,
    message: string,
    readonly fields: Record<string, string>,
    readonly requestId: string | undefined,
    readonly details: unknown,
  ) {
    super(message)
    this.name = 'ApiError'
  }

  static from(response: Response, body: Partial<ErrorBody> | string | undefined): ApiError {
    const envelope = typeof body === 'object' && body !== null ? body : {}
    const fields: Record<string, string> = {}
    for (const field of envelope.fields ?? []) fields[field.field] = field.message
    const requestId = envelope.request_id ?? response.headers.get('x-request-id') ?? undefined
    const message = envelope.message ?? `The server answered ${response.status} without saying why.`
    return new ApiError(response.status, envelope.error ?? 'unknown', message, fields, requestId, envelope.details)
  }
}

/** No answer: the server is away, or the network is. */
export function offline(cause: unknown): ApiError {
  const error = new ApiError(0, 'unreachable', 'The server does not answer. Check that it runs and that you are online.', {}, undefined, undefined)
  error.cause = cause
  return error
}

/** Any thrown thing as an `ApiError`. */
export function asError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new ApiError(-1, 'panel', message, {}, undefined, undefined)
}
