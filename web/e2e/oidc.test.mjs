// Sign-in by a real OpenID provider, through its own sign-in and consent pages, as a browser without scripts does it.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { Provider } from 'oidc-provider'
import { ADMIN, openHouse } from './house.mjs'

const CLIENT = { client_id: 'ostler', client_secret: 'a secret & more' }
let house, provider, url

/** A browser's cookies, per host, and its way of following addresses. */
function browser() {
  const jars = new Map()
  return async function go(method, address, { json, form } = {}) {
    const to = new URL(address)
    const jar = jars.get(to.host) ?? new Map()
    jars.set(to.host, jar)
    const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }
    if (json !== undefined) Object.assign(headers, { 'content-type': 'application/json', 'x-ostler-csrf': '1' })
    const body = json === undefined ? form && new URLSearchParams(form) : JSON.stringify(json)
    const answer = await fetch(to, { method, redirect: 'manual', headers, body })
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, ...value] = cookie.split(';')[0].split('=')
      if (value.join('=') === '') jar.delete(name)
      else jar.set(name, value.join('='))
    }
    return answer
  }
}

before(async () => {
  house = await openHouse()
  // Without a configured address only `localhost` is believed to be ours.
  url = house.url.replace('127.0.0.1', 'localhost')
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${server.address().port}`
  const party = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [`${url}/api/v1/auth/oidc/real/callback`], application_type: 'native' }],
    claims: { email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: 'Somebody' }),
    }),
  })
  server.on('request', party.callback())
  provider = { issuer, server }
})

after(async () => {
  provider?.server.closeAllConnections()
  provider?.server.close()
  await house?.close()
})

/** Signs in at the provider as this account and ends where the browser is left. */
async function journey(go, account, start = `${url}/api/v1/auth/oidc/real/start?next=/workloads`) {
  let answer = await go('GET', start)
  for (let step = 0; step < 20; step++) {
    const to = answer.headers.get('location')
    if (to === null) {
      const page = await answer.text()
      const action = /action="([^"]+)"/.exec(page)?.[1]
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1]
      assert.ok(action !== undefined, `the provider shows no form:\n${page}`)
      answer = await go('POST', action, { form: { prompt, login: account, password: 'any' } })
      continue
    }
    const next = new URL(to, answer.url)
    if (next.host === new URL(url).host && !next.pathname.startsWith('/api/')) return to
    answer = await go('GET', next.href)
  }
  throw new Error('the journey does not end')
}

test('a provider signs in who has linked it, and nobody else', async () => {
  const admin = browser()
  const install = await admin('POST', `${url}/api/v1/setup/install`, { json: { ...ADMIN, secret: house.secret } })
  assert.equal(install.status, 201, await install.clone().text())
  const wrong = await admin('POST', `${url}/api/v1/auth/providers/test`, { json: { issuer: `${provider.issuer}/` } })
  assert.equal(wrong.status, 422)
  const add = { slug: 'real', name: 'Real', issuer: provider.issuer, ...CLIENT }
  const added = await admin('POST', `${url}/api/v1/auth/providers`, { json: add })
  assert.equal(added.status, 201, await added.clone().text())
  assert.equal((await added.json()).redirect_uri, `${url}/api/v1/auth/oidc/real/callback`)

  // By its address alone it takes over no account: she links it herself, signed in.
  assert.equal(await journey(browser(), 'ada'), '/sign-in?error=no_account')
  const begun = await admin('POST', `${url}/api/v1/auth/identities/real/link`, { json: {} })
  assert.equal(begun.status, 200, await begun.clone().text())
  assert.equal(await journey(admin, 'ada', (await begun.json()).location), '/settings/security')

  const ada = browser()
  assert.equal(await journey(ada, 'ada'), '/workloads')
  const me = await ada('GET', `${url}/api/v1/users/me`)
  assert.equal((await me.json()).user.email, ADMIN.email)

  const eve = browser()
  assert.equal(await journey(eve, 'eve'), '/sign-in?error=no_account')
  assert.equal((await eve('GET', `${url}/api/v1/users/me`)).status, 401)
})
