// The palette's search: everything one may see, while one types, in a real browser on a real server.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse } from './house.mjs'
import { deaf, look, openContext, openPage, settled } from './look.mjs'
import { enter } from './person.mjs'

let house
let browser
let admin

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  const { page, headers } = admin
  for (const name of ['Luanti Räume', 'Räumlichkeiten']) {
    const made = await page.request.post(`${house.url}/api/v1/workspaces`, { headers, data: { name } })
    assert.equal(made.status(), 201, await made.text())
  }
  const made = await page.request.post(`${house.url}/api/v1/keys`, { headers, data: { label: 'Luanti deploy', capabilities: ['workload:read'] } })
  assert.equal(made.status(), 201, await made.text())
  const team = await page.request.post(`${house.url}/api/v1/workspaces/${admin.workspace}/teams`, { headers, data: { name: 'Luanti builders', description: 'They build' } })
  assert.equal(team.status(), 201, await team.text())
  // More rights are a new cookie: all pages below begin with it.
  await admin.ask('/api/v1/users/me')
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

async function open(mode = 'light', address = '/', prepare = async () => {}) {
  const page = await openPage(await openContext(browser, mode, await admin.state()))
  await prepare(page)
  await page.goto(house.url + address)
  await settled(page)
  await page.keyboard.press('Control+k')
  const input = page.getByRole('combobox', { name: 'Search and do' })
  await input.waitFor()
  return { page, input }
}

for (const mode of Object.keys(MODES)) {
  test(`what is found is grouped, fits and can be used by everybody, ${mode}`, async () => {
    const { page, input } = await open(mode)
    await input.fill('luanti')
    await page.getByRole('group', { name: 'API keys' }).getByRole('option', { name: 'Luanti deploy' }).waitFor()
    await page.getByRole('group', { name: 'Templates' }).getByRole('option', { name: 'Luanti' }).waitFor()
    await page.getByRole('group', { name: 'Workspaces' }).getByRole('option', { name: 'Luanti Räume' }).waitFor()
    await page.getByRole('group', { name: 'Teams' }).getByRole('option', { name: 'Luanti builders' }).waitFor()
    await look(page, 'search', mode)
    await page.context().close()
  })

  test(`nothing found says so, ${mode}`, async () => {
    const { page, input } = await open(mode)
    await input.fill('zzzz')
    await page.getByText('Nothing is called that').waitFor()
    await look(page, 'search-empty', mode)
    await page.context().close()
  })
}

test('the keyboard alone finds and opens, and the page is among the recent ones then', async () => {
  const { page, input } = await open()
  await input.pressSequentially('luanti dep')
  await page.getByRole('option', { name: 'Luanti deploy' }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowUp')
  assert.match(await page.locator('[role=option][aria-selected=true]').innerText(), /Luanti deploy/)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/settings/keys')
  await page.getByRole('heading', { name: 'API keys', level: 1 }).waitFor()
  await page.goto(`${house.url}/nodes`)
  await settled(page)
  await page.keyboard.press('Control+k')
  const last = page.getByRole('group', { name: 'Recent' })
  await last.getByRole('option').first().waitFor()
  await last.getByRole('option').first().click()
  await page.waitForURL('**/settings/keys')
  await page.context().close()
})

test('a team is found by its name and by what it is for', async () => {
  const { page, input } = await open()
  await input.fill('they bui')
  await page.getByRole('group', { name: 'Teams' }).getByRole('option', { name: 'Luanti builders' }).click()
  await page.waitForURL('**/settings/teams')
  await page.getByText('Luanti builders').first().waitFor()
  await page.context().close()
})

test('accents do not matter, and a thing of another workspace opens there', async () => {
  const { page, input } = await open()
  await input.fill('raumlich')
  await page.getByRole('group', { name: 'Workspaces' }).getByRole('option', { name: 'Räumlichkeiten' }).click()
  await page.waitForURL('**/settings/workspace')
  await page.getByText('Räumlichkeiten').first().waitFor()
  await page.context().close()
})

test('an answer to an older question is never shown', async () => {
  const { page, input } = await open()
  let release
  const held = new Promise((resolve) => (release = resolve))
  await page.route('**/api/v1/search?q=luanti&*', async (route) => {
    await held
    await route.continue().catch(() => {})
  })
  const asked = page.waitForRequest('**/api/v1/search?q=luanti&*')
  await input.fill('luanti')
  await asked
  await input.fill('raumlich')
  await page.getByRole('option', { name: 'Räumlichkeiten' }).first().waitFor()
  release()
  await page.unrouteAll({ behavior: 'wait' })
  assert.equal(await page.getByRole('option', { name: 'Luanti deploy' }).count(), 0)
  await page.context().close()
})

test('a failed search says why, and can be tried again', async () => {
  const { page, input } = await open('light', '/', deaf)
  let isBroken = true
  await page.route('**/api/v1/search*', (route) =>
    isBroken ? route.fulfill({ status: 500, json: { error: 'internal', message: 'something went wrong', request_id: 'req_1' } }) : route.continue(),
  )
  await input.fill('luanti')
  await page.getByRole('alert').getByText('Could not search').waitFor()
  isBroken = false
  await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('option', { name: 'Luanti deploy' }).waitFor()
  assert.equal(await page.getByRole('alert').count(), 0)
  await page.context().close()
})
