// Roles of the workspace's own, and teams: made by an admin, felt by a colleague at once.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse } from './house.mjs'
import { accessible, fits, look, openContext, openPage, quiet, settled } from './look.mjs'
import { colleague, enter } from './person.mjs'

const MARY = { name: 'Mary Jackson', email: 'mary@example.org', password: 'supersonic pressure tunnel', role: 'viewer' }

let house
let browser
let admin
let mary

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  await admin.create({ name: 'Harbour', template: 'process', variables: { program: 'sleep', arguments: '1000' }, start: false })
  await admin.create({ name: 'Island', template: 'process', variables: { program: 'sleep', arguments: '1000' }, start: false })
  mary = await colleague(browser, house, admin, MARY)
})

after(async () => {
  await mary?.context().close()
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

test('a role is made from boxes to tick, and given to a member', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/roles`)
  await settled(page)
  await page.getByRole('button', { name: 'New role' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Night watch')
  await page.getByLabel('What it is for').fill('Looks after the servers while the others sleep')
  await page.getByRole('checkbox', { name: 'Operate: Servers' }).click()
  await accessible(page)
  await page.getByRole('button', { name: 'Create role' }).click()
  await page.getByText('Night watch is a role now.').waitFor()

  await page.goto(`${house.url}/settings/workspace`)
  await page.getByRole('combobox', { name: `Role of ${MARY.name}` }).click()
  await page.getByRole('option', { name: /Night watch/ }).click()
  await page.getByText(`${MARY.name} has the role Night watch now.`).waitFor()
  const { memberships } = await admin.ask('/api/v1/users/me').then(async () => (await mary.request.get(`${house.url}/api/v1/users/me`)).json())
  assert.ok(memberships[0].capabilities.includes('workload:operate') && !memberships[0].capabilities.includes('member:read'))
})

test('a role in use goes with another in its place', async () => {
  const { page } = admin
  await page.goto(`${house.url}/settings/roles`)
  await page.getByRole('button', { name: 'New role' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Guest')
  await page.getByRole('button', { name: 'Create role' }).click()
  await page.getByText('Guest is a role now.').waitFor()
  await page.getByRole('button', { name: 'Delete Night watch' }).click()
  await page.getByText('1 member has it.').waitFor()
  await accessible(page)
  await page.getByRole('combobox', { name: 'They get instead' }).click()
  await page.getByRole('option', { name: /^Viewer/ }).click()
  await page.getByRole('button', { name: 'Delete role' }).click()
  await page.getByText('Night watch is gone.').waitFor()
})

test('a team lets a viewer run one server, at once and on her open page', async () => {
  const servers = (await admin.ask(`/api/v1/workspaces/${admin.workspace}/workloads`)).items
  const harbour = servers.find((server) => server.name === 'Harbour').id
  await mary.goto(`${house.url}/workloads/${harbour}`)
  await settled(mary)
  const start = mary.getByRole('button', { name: 'Start server', exact: true }).first()
  assert.ok(await start.isDisabled(), 'a viewer starts nothing')

  const { page } = admin
  await page.goto(`${house.url}/settings/teams`)
  await page.getByRole('button', { name: 'New team' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill('Harbour crew')
  await page.getByRole('combobox', { name: 'Gives the role' }).click()
  await page.getByRole('option', { name: /^Member/ }).click()
  await page.getByRole('checkbox', { name: 'Harbour, server' }).click()
  await accessible(page)
  await page.getByRole('button', { name: 'Create team' }).click()
  await page.getByRole('combobox', { name: 'Member to add' }).click()
  await page.getByRole('option', { name: new RegExp(MARY.name) }).click()
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('button', { name: `Take ${MARY.name} out` }).waitFor()
  await accessible(page)
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByText('Member on 1 server').waitFor()
  await fits(page)

  // Her page hears of it by itself.
  await mary.waitForFunction((button) => !button.disabled, await start.elementHandle())
  const other = servers.find((server) => server.name === 'Island').id
  await mary.goto(`${house.url}/workloads/${other}`)
  await settled(mary)
  assert.ok(await mary.getByRole('button', { name: 'Start server', exact: true }).first().isDisabled())
  quiet(mary)
  quiet(page)
})

test('roles and teams: complete, as wide as the screen, accessible', async (t) => {
  const state = await admin.state()
  for (const mode of Object.keys(MODES)) {
    for (const [name, address] of Object.entries({ roles: '/settings/roles', teams: '/settings/teams' })) {
      await t.test(`${name}, ${mode}`, async () => {
        const page = await openPage(await openContext(browser, mode, state))
        await page.goto(house.url + address)
        await look(page, name, mode)
        if (mode !== 'phone') {
          await page.getByRole('row', { name: name === 'roles' ? /^Guest/ : /^Harbour crew/ }).click()
          await page.getByRole('dialog').waitFor()
          await look(page, `${name.slice(0, -1)}-dialog`, mode)
        }
        await page.context().close()
      })
    }
  }
})
