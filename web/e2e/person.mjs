// Somebody who is signed in, by whatever way the server of the test allows: the first admin, or the one that was there.

import assert from 'node:assert/strict'
import { ADMIN, until } from './house.mjs'
import { openContext, openPage } from './look.mjs'

/** The admin of the house on a page of their own, with words for what tests do by the API. */
export async function enter(browser, house) {
  const context = await openContext(browser, 'light')
  const page = await openPage(context)
  const headers = { 'X-Ostler-Csrf': '1', Origin: house.url }
  const setUp = await page.request.post(`${house.url}/api/v1/setup/install`, { headers, data: { secret: house.secret, ...ADMIN } })
  if (!setUp.ok()) {
    const answer = await page.request.post(`${house.url}/api/v1/auth/login`, { headers, data: { email: ADMIN.email, password: ADMIN.password } })
    assert.ok(answer.ok(), await answer.text())
  }
  const ask = async (path) => {
    const answer = await page.request.get(house.url + path)
    assert.equal(answer.status(), 200, `${path}: ${await answer.text()}`)
    return answer.json()
  }
  const workspace = (await ask('/api/v1/users/me')).memberships[0].workspace
  const made = []
  await until('a node to be online', async () => (await ask(`/api/v1/workspaces/${workspace}/nodes`)).items.some((node) => node.state === 'online'))
  return {
    page,
    workspace,
    ask,
    headers,
    state: () => context.storageState(),
    /** Makes a workload, and answers its id. */
    async create(data) {
      const answer = await page.request.post(`${house.url}/api/v1/workspaces/${workspace}/workloads`, { headers, data })
      assert.equal(answer.status(), 202, await answer.text())
      const { target } = await answer.json()
      made.push(target)
      return target
    },
    /** Deletes what was made, and waits until the node has forgotten it. */
    async leaveNothing() {
      for (const id of made) await page.request.delete(`${house.url}/api/v1/workloads/${id}`, { headers })
      await until('every workload of the test to be gone', async () => (await ask(`/api/v1/workspaces/${workspace}/workloads`)).items.every((each) => !made.includes(each.id)), 60_000)
      await context.close()
    },
  }
}

/** Somebody else with a role in the workspace of `boss`, signed in with a browser of their own. */
export async function colleague(browser, house, boss, { name, email, password, role }) {
  const { headers, workspace } = boss
  const made = await boss.page.request.post(`${house.url}/api/v1/workspaces/${workspace}/invites`, { headers, data: { email, name, role } })
  assert.ok(made.ok(), await made.text())
  const token = new URL((await made.json()).link).hash.slice('#token='.length)
  const page = await openPage(await openContext(browser, 'light'))
  const accepted = await page.request.post(`${house.url}/api/v1/auth/invitations/${token}/accept`, { headers, data: { password } })
  assert.ok(accepted.ok(), await accepted.text())
  const entered = await page.request.post(`${house.url}/api/v1/auth/login`, { headers, data: { email, password } })
  assert.ok(entered.ok(), await entered.text())
  return page
}

/** A device on this page that keeps passkeys and always says yes. */
export async function passkeyDevice(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
}

/** Fills the page of signing in, and sends it. */
export async function fillSignIn(page, { email, password }) {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** The browser itself reports every refused request; the panel says the same in words. */
export function forgive(page, status) {
  page.complaints = page.complaints.filter((text) => !text.includes(String(status)))
}
