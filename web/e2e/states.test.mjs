// Pages while they wait, and pages whose question failed: as wide as the screen, accessible, and with a way on.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBrowser, openHouse } from './house.mjs'
import { accessible, deaf, fits, openContext, openPage, screenshot, settled } from './look.mjs'
import { enter, forgive } from './person.mjs'

let house
let browser
let admin
let match

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  const made = await admin.page.request.post(`${house.url}/api/v1/workspaces/${admin.workspace}/matches`, { headers: admin.headers, data: { title: 'tic-tac-toe' } })
  assert.equal(made.status(), 201, await made.text())
  match = (await made.json()).match.id
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

/** Pages, and the question without whose answer they have nothing to show. */
const pages = () => ({
  matches: ['/matches', /\/workspaces\/[^/]+\/matches\?/, 'read the matches'],
  match: [`/matches/${match}`, new RegExp(`/api/v1/matches/${match}$`), 'read the match'],
  bots: ['/matches/bots', /\/workspaces\/[^/]+\/bots(\?|$)/, 'read the bots'],
  roles: ['/settings/roles', /\/workspaces\/[^/]+\/roles\?/, 'read the roles'],
  teams: ['/settings/teams', /\/workspaces\/[^/]+\/teams\?/, 'read the teams'],
  keys: ['/settings/keys', /\/api\/v1\/keys(\?|$)/, 'read the API keys'],
  workspace: ['/settings/workspace', /\/workspaces\/[^/]+\/members\?/, 'read the members'],
})

async function visit(mode) {
  return openPage(await openContext(browser, mode, await admin.state()))
}

test('what fails says so in place, with the request to quote, and is asked again by a button', async (t) => {
  for (const [name, [address, question, doing]] of Object.entries(pages())) {
    for (const mode of ['light', 'phone']) {
      await t.test(`${name}, ${mode}`, async () => {
        const page = await visit(mode)
        await deaf(page)
        let isBroken = true
        await page.route(question, (route) =>
          isBroken ? route.fulfill({ status: 500, json: { error: 'internal', message: 'Something went wrong.', request_id: 'req_01j9zq3c8vdt4x0f5k2m7n6p1r' } }) : route.continue(),
        )
        await page.goto(house.url + address)
        const said = page.getByRole('alert').filter({ hasText: `Could not ${doing}` })
        await said.waitFor()
        await said.getByText('req_01j9zq3c8vdt4x0f5k2m7n6p1r').waitFor()
        await fits(page)
        await accessible(page)
        // One of a kind is enough to look at.
        if (name === 'matches') await screenshot(page, `${name}-failed`, mode)
        isBroken = false
        await said.getByRole('button', { name: 'Try again' }).click()
        await said.waitFor({ state: 'detached' })
        await settled(page)
        forgive(page, 500)
        assert.deepEqual(page.complaints, [])
        await page.context().close()
      })
    }
  }
})

test('what waits holds its place, and is filled where it stands', async (t) => {
  for (const [name, [address, question]] of Object.entries(pages())) {
    await t.test(name, async () => {
      const page = await visit('light')
      let release
      const held = new Promise((resolve) => (release = resolve))
      await page.route(question, async (route) => {
        await held
        await route.continue().catch(() => {})
      })
      await page.goto(house.url + address)
      await page.locator('h1').first().waitFor()
      await page.locator(':is(.skeleton, [aria-busy="true"])').first().waitFor()
      await fits(page)
      await accessible(page)
      if (name === 'keys') await screenshot(page, `${name}-waiting`, 'light')
      const title = await page.locator('h1').first().boundingBox()
      release()
      await settled(page)
      assert.deepEqual(await page.locator('h1').first().boundingBox(), title, 'nothing above the content moves')
      assert.deepEqual(page.complaints, [])
      await page.context().close()
    })
  }
})
