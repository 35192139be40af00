// A workspace: what it is called, archived and opened again, and deleted with care.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse } from './house.mjs'
import { look, openContext, openPage, quiet, settled } from './look.mjs'
import { enter } from './person.mjs'

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
