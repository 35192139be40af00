import { describe, expect, it } from 'vitest'
import { ApiError, asError, offline } from './error'

const answer = (status: number, headers = {}) => new Response(null, { status, headers })

describe('errors', () => {
  it('carry code, sentence, fields and request id', () => {
    const error = ApiError.from(answer(422), { error: 'invalid', message: 'Some fields are wrong.', fields: [{ field: 'variables.motd', message: 'too long' }], request_id: 'req_1' })
    expect([error.status, error.code, error.fields['variables.motd'], error.requestId]).toEqual([422, 'invalid', 'too long', 'req_1'])
  })

  it('of something that is not Ostler still have their status and id', () => {
    const error = ApiError.from(answer(502, { 'x-request-id': 'req_2' }), '<html>Bad gateway</html>')
    expect([error.message, error.requestId]).toEqual(['The server answered 502 without saying why.', 'req_2'])
  })

  it('without any answer say so', () => {
    expect([offline(new TypeError('fetch failed')).status, asError('text').message]).toEqual([0, 'text'])
  })
})
