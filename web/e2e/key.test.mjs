// API keys with everything that can bind them: chosen things, networks, requests a minute; a new secret; the keys of a workspace.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse } from './house.mjs'
import { accessible, look, openContext, openPage, quiet, settled } from './look.mjs'
import { colleague, enter } from './person.mjs'

const DOROTHY = { name: 'Dorothy Vaughan', email: 'dorothy@example.org', password: 'fortran before breakfast', role: 'member' }

let house
let browser
let admin
let dorothy
let harbour
let island

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  harbour = await admin.create({ name: 'Harbour', template: 'process', variables: { program: 'sleep', arguments: '1000' }, start: false })
  island = await admin.create({ name: 'Island', template: 'process', variables: { program: 'sleep', arguments: '1000' }, start: false })
  dorothy = await colleague(browser, house, admin, DOROTHY)
})

after(async () => {
  await dorothy?.context().close()
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

/** What a key gets to see of a path: the status of the answer. */
async function status(secret, path) {
  const answer = await fetch(house.url + path, { headers: { Authorization: `Bearer ${secret}` } })
  await answer.text()
  return answer.status
}

/** Makes a key in the dialog that is open, and answers its secret. */
async function secretOf(page) {
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByRole('heading', { name: /is ready$/ }).waitFor()
  const secret = (await page.getByLabel('API key', { exact: true }).textContent())?.trim() ?? ''
  assert.match(secret, /^ost_/)
  await page.getByRole('button', { name: 'I have copied it' }).click()
  return secret
}

async function openDialog(page, label) {
  await page.goto(`${house.url}/settings/keys`)
  await settled(page)
  await page.getByRole('button', { name: 'New API key' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill(label)
}

test('a key for one chosen server reaches no other', async () => {
  const page = dorothy
  await openDialog(page, 'Harbour robot')
  await page.getByRole('combobox', { name: 'Reaches' }).click()
  await page.getByRole('option', { name: 'Chosen servers and nodes' }).click()
  assert.ok(await page.getByRole('button', { name: 'Create key' }).isDisabled(), 'something has to be chosen')
  await page.getByRole('checkbox', { name: 'Harbour, server' }).click()
  await page.getByRole('combobox', { name: 'May', exact: true }).click()
  await page.getByRole('option', { name: /^Operate servers/ }).click()
  await accessible(page)
  const secret = await secretOf(page)
  assert.equal(await status(secret, `/api/v1/workloads/${harbour}`), 200)
  assert.equal(await status(secret, `/api/v1/workloads/${island}`), 404)
  quiet(page)
})

test('networks and requests a minute: said wrongly they are not sent, said rightly they hold', async () => {
  const page = dorothy
  await openDialog(page, 'From here, seldom')
  const from = page.getByLabel('Only from')
  await from.fill('192.0.2.0/24, harbour')
  await page.getByText('“harbour” is not a network.').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Create key' }).isDisabled())
  await from.fill('127.0.0.0/8, ::1')
  await page.getByLabel('Requests a minute').fill('many')
  await page.getByText(/^Use a whole number/).waitFor()
  await page.getByLabel('Requests a minute').fill('3')
  await accessible(page)
  const seldom = await secretOf(page)
  const path = `/api/v1/workloads/${harbour}`
  const seen = []
  for (let n = 0; n < 5; n++) seen.push(await status(seldom, path))
  assert.deepEqual(seen.slice(0, 3), [200, 200, 200])
  assert.ok(seen.includes(429), `asked too often: ${seen}`)

  await openDialog(page, 'From elsewhere')
  await page.getByLabel('Only from').fill('192.0.2.0/24')
  assert.ok([401, 403].includes(await status(await secretOf(page), path)), 'this machine is not in that network')
  quiet(page)
})

test('rights are chosen box by box, and no box is offered that one does not hold', async () => {
  const page = dorothy
  await openDialog(page, 'Only looks at nodes')
  await page.getByRole('combobox', { name: 'May', exact: true }).click()
  await page.getByRole('option', { name: /^Chosen one by one/ }).click()
  await page.getByRole('checkbox', { name: 'See: Nodes' }).click()
  assert.equal(await page.getByRole('checkbox', { name: 'Manage: Nodes' }).count(), 0, 'members manage no nodes')
  await accessible(page)
  const secret = await secretOf(page)
  assert.equal(await status(secret, `/api/v1/workspaces/${admin.workspace}/nodes`), 200)
  assert.equal(await status(secret, `/api/v1/workloads/${harbour}`), 403, 'its owner sees servers, the key does not')
  quiet(page)
})

test('a key opens beside the list, and a new secret ends the old one', async () => {
  const page = dorothy
  await openDialog(page, 'Turns over')
  const old = await secretOf(page)
  const path = `/api/v1/workloads/${harbour}`
  assert.equal(await status(old, path), 200)
  await page.getByRole('row', { name: /^Turns over/ }).click()
  await page.getByRole('dialog', { name: 'Turns over' }).getByText('everywhere').waitFor()
  await look(page, 'key', 'light')
  await page.getByRole('button', { name: 'New secret' }).click()
  await page.getByRole('button', { name: 'Make new secret' }).click()
  await page.getByRole('heading', { name: /is ready$/ }).waitFor()
  const fresh = (await page.getByLabel('API key', { exact: true }).textContent()).trim()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  assert.deepEqual([await status(old, path), await status(fresh, path)], [401, 200])
  quiet(page)
})

test('a key is changed where one looks at it, and its secret stays', async () => {
  const page = dorothy
  await openDialog(page, 'Grows up')
  const secret = await secretOf(page)
  const [to, away] = [`/api/v1/workloads/${harbour}`, `/api/v1/workloads/${island}`]
  await page.getByRole('row', { name: /^Grows up/ }).click()
  await page.getByRole('button', { name: 'Change' }).click()
  const dialog = page.getByRole('dialog', { name: 'Change Grows up' })
  assert.ok(await dialog.getByRole('button', { name: 'Save changes' }).isDisabled(), 'nothing is other than before')
  await dialog.getByLabel('Name', { exact: true }).fill('Grown up')
  await dialog.getByRole('combobox', { name: 'Reaches' }).click()
  await page.getByRole('option', { name: 'Chosen servers and nodes' }).click()
  await dialog.getByRole('checkbox', { name: 'Harbour, server' }).click()
  await dialog.getByLabel('Requests a minute').fill('600')
  await accessible(page)
  await dialog.getByRole('button', { name: 'Save changes' }).click()
  await page.getByRole('dialog', { name: 'Grown up' }).getByText('600 a minute, on each server').waitFor()
  assert.deepEqual([await status(secret, to), await status(secret, away)], [200, 404])
  await page.getByRole('button', { name: 'Change' }).click()
  await page.getByLabel('Only from').fill('192.0.2.0/24')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByRole('dialog', { name: 'Grown up' }).getByText('192.0.2.0/24').waitFor()
  assert.equal(await status(secret, to), 401, 'this machine is not in that network')
  // While the upper of two dialogs is on its way out, the key is its.
  await page.getByRole('dialog', { name: /^Change/ }).waitFor({ state: 'detached' })
  await page.keyboard.press('Escape')
  await page.getByRole('row', { name: /^Grown up/ }).waitFor()
  quiet(page)
})

test('who manages the keys of a workspace sees those of others there, and revokes them', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/keys`)
  await page.getByRole('radio', { name: /^All of/ }).click()
  await page.getByRole('row', { name: /From elsewhere.*Dorothy Vaughan/ }).waitFor()
  await page.getByRole('button', { name: 'Revoke From elsewhere' }).click()
  await page.getByRole('button', { name: 'Revoke key' }).click()
  await page.getByRole('row', { name: /From elsewhere/ }).waitFor({ state: 'detached' })
  quiet(page)
})

test('keys look right in every mode', async (t) => {
  const state = await dorothy.context().storageState()
  for (const mode of Object.keys(MODES)) {
    await t.test(mode, async () => {
      const page = await openPage(await openContext(browser, mode, state))
      await page.goto(`${house.url}/settings/keys`)
      await page.getByRole('row', { name: /^Harbour robot/ }).waitFor()
      await look(page, 'keys', mode)
      await page.getByRole('row', { name: /^From here, seldom/ }).click()
      await page.getByRole('dialog').waitFor()
      await look(page, 'key', mode)
      await page.getByRole('button', { name: 'Change' }).click()
      await page.getByRole('dialog', { name: /^Change/ }).waitFor()
      await look(page, 'key-change', mode)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('dialog', { name: /^From here/ }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'New API key' }).first().click()
      await page.getByLabel('Name', { exact: true }).fill('Backup script')
      await page.getByRole('combobox', { name: 'Reaches' }).click()
      await page.getByRole('option', { name: 'Chosen servers and nodes' }).click()
      await page.getByRole('checkbox', { name: 'Harbour, server' }).click()
      await look(page, 'key-dialog', mode)
      await page.context().close()
    })
  }
})
