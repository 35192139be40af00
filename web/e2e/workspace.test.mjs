// A workspace: what it is called, archived and opened again, and deleted with care.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse, until } from './house.mjs'
import { accessible, look, openContext, openPage, quiet, settled } from './look.mjs'
import { colleague, enter, forgive } from './person.mjs'

let house
let browser
let admin

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

test('an archived workspace says so on every page, offers nothing to change, and opens again', async (t) => {
  const page = await openPage(await openContext(browser, 'light', await admin.state()))
  await page.goto(`${house.url}/settings/workspace`)
  await settled(page)
  await page.getByLabel('Time zone').fill('Europe/Berlin')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  await page.getByRole('button', { name: 'Archive', exact: true }).click()
  await page.getByRole('button', { name: 'Archive workspace' }).click()
  await page.getByText('nothing in it can be changed').waitFor()
  for (const mode of Object.keys(MODES)) {
    await t.test(`looks right, ${mode}`, async () => {
      const seen = await openPage(await openContext(browser, mode, await admin.state()))
      await seen.goto(`${house.url}/settings/workspace`)
      await seen.getByText('nothing in it can be changed').waitFor()
      await look(seen, 'archived', mode)
      await seen.context().close()
    })
  }
  assert.equal(await page.getByRole('button', { name: 'Add member' }).count(), 0)
  assert.equal(await page.getByLabel('Name', { exact: true }).isDisabled(), true)
  await page.getByRole('status').getByRole('button', { name: 'Restore' }).click()
  await page.getByText('is open again').waitFor()
  assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Berlin')
  await page.getByRole('button', { name: 'Add member' }).waitFor()
  quiet(page)
  await page.context().close()
})

test('a workspace is made from the switcher, and is the one shown', async () => {
  const page = await openPage(await openContext(browser, 'light', await admin.state()))
  await page.goto(house.url)
  await settled(page)
  await page.getByRole('button', { name: 'Workspace Home: switch' }).click()
  await page.getByRole('menuitem', { name: 'New workspace' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Quay')
  assert.equal(await page.getByLabel('Short name').inputValue(), 'quay')
  await look(page, 'workspace-new', 'light')
  await page.getByRole('button', { name: 'Create workspace' }).click()
  await page.getByRole('button', { name: 'Workspace Quay: switch' }).waitFor()
  await settled(page)
  quiet(page)
  await page.context().close()
})

test('a workspace is renamed, and a short name that another has is refused in place', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/workspace`)
  await settled(page)
  const short = page.getByLabel('Short name')
  const before = await short.inputValue()
  await short.fill('quay')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').waitFor()
  await accessible(page)
  assert.equal(await short.inputValue(), 'quay', 'what was typed is kept')
  await short.fill(before)
  await page.getByLabel('Name', { exact: true }).fill('Home port')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: /Home port/ }).first().waitFor()
  for (const status of [409, 422]) forgive(page, status)
  quiet(page)
})

test('its only owner cannot leave; everybody else can, and is out at once', async () => {
  const { page, workspace } = admin
  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('button', { name: 'Leave', exact: true }).click()
  await page.getByRole('button', { name: 'Leave workspace' }).click()
  await page.getByRole('dialog').getByRole('alert').waitFor()
  await accessible(page)
  await page.keyboard.press('Escape')
  forgive(page, 409)
  quiet(page)

  const annie = await colleague(browser, house, admin, { name: 'Annie Easley', email: 'annie@example.org', password: 'centaur upper stage', role: 'viewer' })
  await annie.goto(`${house.url}/settings/workspace`)
  await settled(annie)
  assert.equal(await annie.getByRole('button', { name: 'Archive', exact: true }).count(), 0)
  await annie.getByRole('button', { name: 'Leave', exact: true }).click()
  await look(annie, 'workspace-leave', 'light')
  await annie.getByRole('button', { name: 'Leave workspace' }).click()
  await annie.getByRole('heading', { name: 'Welcome', level: 1, exact: true }).waitFor()
  assert.equal((await annie.request.get(`${house.url}/api/v1/workspaces/${workspace}`)).status(), 404)
  quiet(annie)
  await annie.context().close()
})

test('a workspace is deleted only by typing its short name', async () => {
  const { page } = admin
  const quay = async () => (await admin.ask('/api/v1/users/me')).memberships.find((each) => each.slug === 'quay')
  assert.ok((await quay()) !== undefined)
  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('button', { name: /Home port/ }).first().click()
  await page.getByRole('menuitemradio', { name: /Quay/ }).click()
  await page.getByRole('button', { name: 'Workspace Quay: switch' }).waitFor()
  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  const verb = page.getByRole('button', { name: 'Delete workspace' })
  await page.getByLabel('Type quay to confirm').fill('Quay')
  assert.ok(await verb.isDisabled(), 'the short name, letter by letter')
  await look(page, 'workspace-delete', 'light')
  await page.getByLabel('Type quay to confirm').fill('quay')
  await verb.click()
  await until('the workspace to be gone', async () => (await quay()) === undefined)
  await page.getByText('Quay is deleted.').waitFor()
})
