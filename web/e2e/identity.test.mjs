// People: who they are, how they prove it, and what others may do with their accounts. In a real browser, on a real server.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { ADMIN, MODES, openBrowser, openHouse, until } from './house.mjs'
import { accessible, fits, look, openContext, openPage, quiet, settled } from './look.mjs'
import { enter, fillSignIn, forgive, passkeyDevice } from './person.mjs'

const GRACE = { name: 'Grace Hopper', email: 'grace@example.org', password: 'nanoseconds are short wires' }

let house
let browser
let admin

before(async () => {
  // Passkeys belong to a name, not to a number.
  house = await openHouse(['--no-demo'])
  house.url = house.url.replace('127.0.0.1', 'localhost')
  browser = await openBrowser()
  admin = await enter(browser, house)
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

async function fresh(address, mode = 'light', state = undefined) {
  const page = await openPage(await openContext(browser, mode, state))
  await page.goto(house.url + address)
  return page
}

/** The code that an authenticator app shows for a secret, `steps` half minutes from now. */
function totp(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let bits = ''
  for (const sign of secret.replace(/[^A-Z2-7]/g, '')) bits += alphabet.indexOf(sign).toString(2).padStart(5, '0')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test('every page of people and accounts: complete, as wide as the screen, accessible', async (t) => {
  const state = await admin.state()
  const pages = { security: '/settings/security', workspace: '/settings/workspace', people: '/settings/people', platform: '/settings/platform' }
  for (const mode of Object.keys(MODES)) {
    for (const [name, address] of Object.entries(pages)) {
      await t.test(`${name}, ${mode}`, async () => {
        const page = await fresh(address, mode, state)
        await look(page, name, mode)
        await page.context().close()
      })
    }
    await t.test(`forgot, ${mode}`, async () => {
      const page = await fresh('/forgot', mode)
      await look(page, 'forgot', mode)
      await page.context().close()
    })
  }
})

test('a person is invited by a link, accepts it once, and is in', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/people`)
  await page.getByRole('button', { name: 'Invite person' }).first().click()
  await page.getByLabel('E-mail').fill(GRACE.email)
  await page.getByLabel('Name').fill('Grace')
  await page.getByRole('dialog').getByRole('button', { name: 'Invite person' }).click()
  const said = (await page.getByLabel('link', { exact: true }).textContent()).trim()
  await accessible(page)
  await page.getByRole('button', { name: 'Done' }).click()
  const address = said.slice(said.indexOf('/invite#'))
  for (const mode of Object.keys(MODES)) {
    const guest = await fresh(address, mode)
    await guest.getByText(GRACE.email).waitFor()
    await look(guest, 'invite', mode)
    await guest.context().close()
  }
  const guest = await fresh(address)
  await guest.getByLabel('Your name').fill(GRACE.name)
  await guest.getByLabel('Password', { exact: true }).fill('short')
  await guest.getByText('Use at least 12 characters').waitFor()
  await guest.getByLabel('Password', { exact: true }).fill(GRACE.password)
  await guest.getByRole('button', { name: 'Accept and sign in' }).click()
  await guest.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
  assert.ok(!guest.url().includes('token'), 'the token is out of the address')
  await guest.context().close()

  const again = await fresh(address)
  await again.getByRole('heading', { name: 'This invitation is over' }).waitFor()
  await again.context().close()
})

test('an admin hands over a link, and its person sets a new password by it', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/people`)
  await page.getByRole('button', { name: `Actions for ${GRACE.name}` }).click()
  await page.getByRole('menuitem', { name: 'Make a password link' }).click()
  const said = (await page.getByLabel('link', { exact: true }).textContent()).trim()
  const guest = await fresh(said.slice(said.indexOf('/reset#')))
  await guest.getByText(`For ${GRACE.email}.`).waitFor()
  await look(guest, 'reset', 'light')
  GRACE.password = 'an entirely different password'
  await guest.getByLabel('New password', { exact: true }).fill(GRACE.password)
  await guest.getByRole('button', { name: 'Set password' }).click()
  await guest.getByRole('link', { name: 'Sign in' }).click()
  await fillSignIn(guest, GRACE)
  await guest.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
  await guest.context().close()
})

test('who is kept out is out at once, and Undo lets them in again', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/people`)
  await page.getByRole('button', { name: `Actions for ${GRACE.name}` }).click()
  await page.getByRole('menuitem', { name: 'Keep out' }).click()
  await page.getByRole('cell', { name: 'Deactivated' }).waitFor()
  const guest = await fresh('/sign-in')
  await fillSignIn(guest, GRACE)
  await guest.getByRole('alert').waitFor()
  await guest.context().close()
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('cell', { name: 'Deactivated' }).waitFor({ state: 'detached' })
})

test('an authenticator app: set up by its secret, asked for at sign-in; a recovery code works once', async () => {
  const page = await fresh('/sign-in')
  await fillSignIn(page, GRACE)
  // Nobody has added her to a workspace, and the page says what to do about it.
  await page.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
  await page.goto(`${house.url}/settings/security`)
  await page.getByRole('button', { name: 'Add an authenticator app' }).click()
  await page.getByRole('img', { name: /QR/ }).waitFor()
  await page.getByRole('button', { name: 'Type it instead' }).click()
  const secret = (await page.getByLabel('secret', { exact: true }).textContent()).trim()
  await look(page, 'totp-dialog', 'light')
  await page.getByLabel('Code', { exact: true }).fill(totp(secret))
  await page.getByRole('heading', { name: /is on$/ }).waitFor()
  const codes = (await page.getByLabel('recovery codes', { exact: true }).textContent()).trim().split('\n')
  assert.equal(codes.length, 10)
  await page.getByRole('button', { name: 'I have kept them' }).click()
  await page.getByText('10 codes left').waitFor()
  await look(page, 'security-on', 'light')
  await page.context().close()

  for (const mode of Object.keys(MODES)) {
    const guest = await fresh('/sign-in', mode)
    await fillSignIn(guest, GRACE)
    await guest.getByRole('heading', { name: 'Is it you?' }).waitFor()
    await look(guest, 'challenge', mode)
    if (mode === 'light') {
      await guest.getByLabel('Code', { exact: true }).fill('000000')
      await guest.getByRole('alert').waitFor()
      await accessible(guest)
      await guest.getByRole('button', { name: 'Use a recovery code' }).click()
      await guest.getByLabel('Recovery code').fill(codes[0])
      await guest.getByRole('button', { name: 'Continue' }).click()
      await guest.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
      await guest.goto(`${house.url}/settings/security`)
      await guest.getByText('9 codes left').waitFor()
    } else {
      // The code of the setup is used up; the next one counts already.
      if (mode === 'dark') {
        await guest.getByLabel('Code', { exact: true }).fill(totp(secret, 1))
        await guest.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
      }
    }
    await guest.context().close()
  }
})

test('a passkey signs in without a password', async () => {
  const { page } = admin
  await passkeyDevice(page)
  await page.goto(`${house.url}/settings/security`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Test laptop')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: 'Test laptop is on' }).waitFor()
  await page.getByRole('button', { name: 'I have kept them' }).click()
  await page.getByText('Test laptop').waitFor()
  await page.goto(house.url)
  await page.getByRole('button', { name: new RegExp(ADMIN.name) }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
})

test('devices are listed by what people call them, and one can be signed out from another', async () => {
  const other = await fresh('/sign-in')
  await other.getByLabel('E-mail').fill(GRACE.email)
  await other.context().close()
  const { page } = admin
  await page.goto(`${house.url}/settings/security`)
  await page.getByText('This device').waitFor()
  assert.ok((await page.getByText(/^Chrome on Linux/).count()) >= 1)
})

test('members: a role is given, and taken back by Undo', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('button', { name: 'Add member' }).click()
  await page.getByLabel('E-mail').fill('new@example.org')
  await page.getByRole('dialog').getByRole('button', { name: 'Add member' }).click()
  await page.getByLabel('link', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: 'Withdraw the invitation of new@example.org' }).click()
  await page.getByText('new@example.org').waitFor({ state: 'detached' })
  await fits(page)
})

test('a setting is said, says who said it, and can be taken back', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/platform`)
  await settled(page)
  await page.getByLabel('Search settings').fill('mail.port')
  await page.getByLabel('Value of mail.port').fill('many')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').waitFor()
  forgive(page, 422)
  await page.getByLabel('Value of mail.port').fill('2525')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('set here').waitFor()
  await page.getByRole('button', { name: 'Reset' }).click()
  await page.getByText('set here').waitFor({ state: 'detached' })
  forgive(page, 401)
  quiet(page)
  await until('the value to be gone', async () => (await page.getByLabel('Value of mail.port').inputValue()) === '587')
})
