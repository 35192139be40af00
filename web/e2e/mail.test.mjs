// Mail that really leaves, through SMTP, and what its links do: a forgotten password, an invitation.
// And a passkey as the second factor, after the password.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN, MODES, openBrowser, openHouse } from './house.mjs'
import { look, openContext, openPage, quiet, settled } from './look.mjs'
import { enter, fillSignIn, forgive, passkeyDevice } from './person.mjs'
import { openSink } from './sink.mjs'

const KATHERINE = { name: 'Katherine Johnson', email: 'katherine@example.org', password: 'check the numbers by hand' }

let house
let browser
let admin
let sink

before(async () => {
  house = await openHouse(['--no-demo'])
  // Passkeys belong to a name, not to a number.
  house.url = house.url.replace('127.0.0.1', 'localhost')
  browser = await openBrowser()
  admin = await enter(browser, house)
  sink = await openSink()
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
  await sink?.close()
})

async function fresh(address, mode = 'light', state = undefined) {
  const page = await openPage(await openContext(browser, mode, state))
  await page.goto(house.url + address)
  return page
}

/** The link in a letter, as an address in this house. Both forms of the letter say the same. */
function linkIn(letter, path) {
  const link = new RegExp(`https?://[^\\s"<>]+${path}#token=[\\w-]+`).exec(letter.text)?.[0]
  assert.ok(link !== undefined, `the letter has no link to ${path}:\n${letter.raw}`)
  assert.ok(letter.html.includes(link.slice(link.indexOf('#'))), 'the HTML form has the same link')
  const { origin, pathname, hash } = new URL(link)
  assert.equal(new URL(origin).port, new URL(house.url).port, 'the link leads to this server')
  return pathname + hash
}

test('an admin tells the server where mail leaves, and a mail arrives', async () => {
  const { page } = admin
  const said = await page.request.patch(`${house.url}/api/v1/platform-settings`, { headers: admin.headers, data: { values: sink.settings } })
  assert.equal(said.status(), 200, await said.text())
  await page.goto(`${house.url}/settings/platform`)
  await settled(page)
  await page.getByRole('button', { name: 'Send yourself a mail' }).click()
  await page.getByText(`took a mail for ${ADMIN.email}`).waitFor()
  const letter = await sink.take(ADMIN.email)
  assert.equal(letter.from, 'ostler@example.org')
  quiet(page)
})

test('who is invited gets a mail, and comes in by its link', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('button', { name: 'Add member' }).click()
  await page.getByLabel('E-mail').fill(KATHERINE.email)
  await page.getByRole('dialog').getByRole('button', { name: 'Add member' }).click()
  const guest = await fresh(linkIn(await sink.take(KATHERINE.email), '/invite'))
  await guest.getByLabel('Your name').fill(KATHERINE.name)
  await guest.getByLabel('Password', { exact: true }).fill(KATHERINE.password)
  await guest.getByRole('button', { name: 'Accept and sign in' }).click()
  await guest.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  quiet(guest)
  await guest.context().close()
  await page.getByRole('button', { name: 'Done' }).click()
})

test('a forgotten password: the mail’s link sets a new one, once; the old one and every session are over', async () => {
  const elsewhere = await fresh('/sign-in')
  await fillSignIn(elsewhere, KATHERINE)
  await elsewhere.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()

  const page = await fresh('/sign-in')
  await page.getByRole('link', { name: 'Forgot it?' }).click()
  await page.getByLabel('E-mail').fill(KATHERINE.email)
  await page.getByRole('button', { name: 'Send a link' }).click()
  await page.getByRole('heading', { name: 'Look at your mail' }).waitFor()
  await look(page, 'forgot-sent', 'light')
  const address = linkIn(await sink.take(KATHERINE.email), '/reset')

  for (const mode of Object.keys(MODES)) {
    const seen = await fresh(address, mode)
    await seen.getByText(`For ${KATHERINE.email}.`).waitFor()
    await look(seen, 'reset', mode)
    await seen.context().close()
  }
  await page.goto(house.url + address)
  const old = KATHERINE.password
  KATHERINE.password = 'launch window in twelve minutes'
  await page.getByLabel('New password', { exact: true }).fill(KATHERINE.password)
  await page.getByRole('button', { name: 'Set password' }).click()
  await page.getByRole('heading', { name: 'Your password is set' }).waitFor()
  assert.ok(!page.url().includes('token'), 'the token is out of the address')
  await look(page, 'reset-done', 'light')
  await page.getByRole('link', { name: 'Sign in' }).click()

  await fillSignIn(page, { ...KATHERINE, password: old })
  await page.getByRole('alert').waitFor()
  forgive(page, 401)
  await fillSignIn(page, KATHERINE)
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  quiet(page)
  await page.context().close()

  await elsewhere.goto(`${house.url}/nodes`)
  await elsewhere.getByRole('heading', { name: 'Sign in' }).waitFor()
  await elsewhere.context().close()

  const again = await fresh(address)
  await again.getByRole('heading', { name: 'This link is over' }).waitFor()
  await settled(again)
  forgive(again, 409)
  await look(again, 'reset-over', 'light')
  await again.context().close()
})

test('an address that nobody has: the same answer, and no mail', async () => {
  const page = await fresh('/forgot')
  await page.getByLabel('E-mail').fill('nobody@example.org')
  await page.getByRole('button', { name: 'Send a link' }).click()
  await page.getByRole('heading', { name: 'Look at your mail' }).waitFor()
  // Letters leave in their order: when this one has come, the other would have, too.
  await page.goto(`${house.url}/forgot`)
  await page.getByLabel('E-mail').fill(KATHERINE.email)
  await page.getByRole('button', { name: 'Send a link' }).click()
  await sink.take(KATHERINE.email)
  assert.deepEqual(sink.letters, [])
  await page.context().close()
})

test('a passkey as the second factor: asked for after the password, in every mode', async () => {
  const page = await fresh('/sign-in')
  await passkeyDevice(page)
  await fillSignIn(page, KATHERINE)
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  await page.goto(`${house.url}/settings/security`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Blue key')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: 'Blue key is on' }).waitFor()
  await page.getByRole('button', { name: 'I have kept them' }).click()
  await page.goto(house.url)
  // What is still being asked when the session ends would be refused, and the browser would say so.
  await settled(page)
  await page.getByRole('button', { name: new RegExp(KATHERINE.name) }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()

  // The password alone does not let her in.
  await fillSignIn(page, KATHERINE)
  await page.getByRole('heading', { name: 'Is it you?' }).waitFor()
  assert.equal((await page.request.get(`${house.url}/api/v1/users/me`)).status(), 401)
  await look(page, 'challenge-passkey', 'light')
  await page.getByRole('button', { name: 'Show the passkey' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  quiet(page)
  await page.context().close()

  // Nor does a device that does not hold her passkey.
  const thief = await fresh('/sign-in')
  await passkeyDevice(thief)
  await fillSignIn(thief, KATHERINE)
  await thief.getByRole('heading', { name: 'Is it you?' }).waitFor()
  await thief.getByRole('button', { name: 'Show the passkey' }).click()
  await thief.getByRole('alert').waitFor()
  assert.equal((await thief.request.get(`${house.url}/api/v1/users/me`)).status(), 401)
  await thief.context().close()

  for (const mode of ['dark', 'phone']) {
    const seen = await fresh('/sign-in', mode)
    await fillSignIn(seen, KATHERINE)
    await seen.getByRole('heading', { name: 'Is it you?' }).waitFor()
    await look(seen, 'challenge-passkey', mode)
    await seen.context().close()
  }
})
