// The panel in a real browser against a real server with a real game on it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN, MODES, openBrowser, openHouse, until } from './house.mjs'
import { accessible, fits, look, openContext, openPage, quiet, settled } from './look.mjs'

const GAME_MS = 180_000

let house
let browser
/** Cookies of the admin, once there is one. */
let signedIn

before(async () => {
  house = await openHouse()
  browser = await openBrowser()
})

after(async () => {
  await cleanUp()
  await browser?.close()
  await house?.close()
})

/** Games outlive the server that made them: of a server of our own, nothing shall be left. */
async function cleanUp() {
  if (house?.isOwn !== true || signedIn === undefined) return
  const page = await openPage(await openContext(browser, 'light', signedIn))
  const headers = { 'X-Ostler-Csrf': '1', Origin: house.url }
  for (const game of await games(page)) await page.request.delete(`${house.url}/api/v1/workloads/${game.id}`, { headers })
  await until('every game to be gone', async () => (await games(page)).length === 0, 60_000)
}

/** A page of the admin's. */
async function visit(address, mode = 'light') {
  const context = await openContext(browser, mode, signedIn)
  const page = await openPage(context)
  await page.goto(house.url + address)
  return page
}

/** Asks the API with the admin's cookies. */
async function ask(page, path) {
  const answer = await page.request.get(house.url + path)
  assert.equal(answer.status(), 200, `${path}: ${await answer.text()}`)
  return answer.json()
}

async function workspaceOf(page) {
  return (await ask(page, '/api/v1/users/me')).memberships[0].workspace
}

async function games(page) {
  return (await ask(page, `/api/v1/workspaces/${await workspaceOf(page)}/workloads`)).items
}

test('first run: the printed link makes the first admin, in every mode', async () => {
  for (const mode of Object.keys(MODES)) {
    const page = await openPage(await openContext(browser, mode))
    await page.goto(`${house.url}/setup#secret=${house.secret}`)
    await page.getByRole('heading', { name: 'Welcome to Ostler' }).waitFor()
    await look(page, 'setup', mode)
    await page.context().close()
  }
  const context = await openContext(browser, 'light')
  const page = await openPage(context)
  await page.goto(`${house.url}/setup#secret=${house.secret}`)
  await page.getByLabel('Your name').fill(ADMIN.name)
  await page.getByLabel('E-mail').fill(ADMIN.email)
  await page.getByLabel('Password', { exact: true }).fill('too short')
  await page.getByRole('button', { name: 'Create admin and sign in' }).click()
  await page.getByText('Use at least 12 characters').waitFor()
  await page.getByLabel('Password', { exact: true }).fill(ADMIN.password)
  await page.getByRole('button', { name: 'Create admin and sign in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  assert.ok(!page.url().includes('secret'), 'the secret is out of the address')
  signedIn = await context.storageState()
  await context.close()
})

test('sign-in: a wrong password is refused with its reason, the right one leads to where one wanted to go', async () => {
  for (const mode of Object.keys(MODES)) {
    const page = await openPage(await openContext(browser, mode))
    await page.goto(`${house.url}/nodes`)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    // The browser itself reports the 401 by which the panel learns that nobody is signed in.
    page.complaints = page.complaints.filter((text) => !text.includes('401'))
    await look(page, 'sign-in', mode)
    if (mode === 'light') {
      await page.getByLabel('E-mail').fill(ADMIN.email)
      await page.getByLabel('Password', { exact: true }).fill('not the password')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('alert').waitFor()
      await page.getByLabel('Password', { exact: true }).fill(ADMIN.password)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('heading', { name: 'Nodes', level: 1 }).waitFor()
    }
    await page.context().close()
  }
})

/** What else is on the pages: one that runs, one that cannot, one that was never started. */
const COMPANY = [
  ['Echo chamber', 'cat', true],
  ['Broken bridge', 'false', true],
  ['Winter archive', 'cat', false],
]

async function make(page, name, program, start) {
  if ((await games(page)).some((game) => game.name === name)) return
  const answer = await page.request.post(`${house.url}/api/v1/workspaces/${await workspaceOf(page)}/workloads`, {
    headers: { 'X-Ostler-Csrf': '1', Origin: house.url },
    data: { name, template: 'process', variables: { program }, start },
  })
  assert.equal(answer.status(), 202, await answer.text())
}

test('a real game comes up, and the list says so without being asked again', async () => {
  const page = await visit('/workloads')
  await until('a game that runs', async () => (await games(page)).some((game) => game.state === 'running'), GAME_MS)
  for (const [name, program, start] of COMPANY) await make(page, name, program, start)
  await until('one that fails', async () => (await games(page)).some((game) => game.name === 'Broken bridge' && game.state === 'failed'), 60_000)
  const workspace = await workspaceOf(page)
  await until('every job to be over', async () => (await ask(page, `/api/v1/workspaces/${workspace}/jobs`)).items.every((job) => job.finished_at !== null), 120_000)
  await page.getByRole('cell', { name: /^Running/ }).first().waitFor()
  quiet(page)
  await page.context().close()
})

test('every page: complete, as wide as the screen, accessible, without a complaint', async (t) => {
  const scout = await visit('/')
  const workspace = await workspaceOf(scout)
  const game = (await games(scout)).find((each) => each.state === 'running' && each.template !== 'process') ?? (await games(scout))[0]
  const node = (await ask(scout, `/api/v1/workspaces/${workspace}/nodes`)).items[0]
  const job = (await ask(scout, `/api/v1/workspaces/${workspace}/jobs`)).items.find((each) => each.target === game.id)
  await scout.context().close()
  const pages = {
    overview: '/',
    workloads: '/workloads',
    'workload-templates': '/workloads/new',
    'workload-new': `/workloads/new?template=${game.template}`,
    workload: `/workloads/${game.id}`,
    'workload-console': `/workloads/${game.id}/console`,
    'workload-settings': `/workloads/${game.id}/settings`,
    'workload-activity': `/workloads/${game.id}/activity`,
    nodes: '/nodes',
    node: `/nodes/${node.id}`,
    jobs: '/jobs',
    ...(job === undefined ? {} : { job: `/jobs/${job.id}` }),
    activity: '/activity',
    audit: '/activity/audit',
    settings: '/settings',
    docs: '/api/v1/docs',
    kit: '/_kit',
    'not-found': '/no/such/page',
  }
  for (const mode of Object.keys(MODES)) {
    for (const [name, address] of Object.entries(pages)) {
      await t.test(`${name}, ${mode}`, async () => {
        const page = await visit(address, mode)
        await settled(page)
        if (name === 'workload' || name === 'node') await until('some samples', async () => Number(await page.locator('figure', { hasText: 'Memory' }).getAttribute('data-samples')) >= 3)
        if (name === 'workload-console') await page.getByRole('log').locator('div').first().waitFor()
        await look(page, name, mode)
        await page.context().close()
      })
    }
  }
})

test('what opens over a page is accessible, too', async (t) => {
  const cases = {
    'join-dialog': async (page) => {
      await page.goto(`${house.url}/nodes`)
      await page.getByRole('button', { name: 'Add node' }).first().click()
      await page.getByText('ostler agent join').waitFor()
    },
    palette: async (page) => {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox', { name: 'Search and do' }).fill('win')
      await page.getByRole('group', { name: 'Servers' }).getByRole('option').first().waitFor()
      await page.getByText('Searching…').waitFor({ state: 'detached' })
    },
    shortcuts: async (page) => {
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    },
    'delete-dialog': async (page) => {
      const game = (await games(page))[0]
      await page.goto(`${house.url}/workloads/${game.id}`)
      await page.getByRole('button', { name: 'More actions' }).click()
      await page.getByRole('menuitem', { name: 'Delete server' }).click()
      await page.getByText('to confirm').waitFor()
      assert.ok(await page.getByRole('button', { name: 'Delete server' }).isDisabled(), 'the name comes first')
    },
  }
  for (const [name, open] of Object.entries(cases)) {
    for (const mode of ['light', 'dark']) {
      await t.test(`${name}, ${mode}`, async () => {
        const page = await visit('/', mode)
        await settled(page)
        await open(page)
        await look(page, name, mode)
        await page.context().close()
      })
    }
  }
})

test('the keyboard goes everywhere', async () => {
  const page = await visit('/')
  await settled(page)
  for (const [keys, title] of [['gn', 'Nodes'], ['gj', 'Jobs'], ['ga', 'Activity'], ['gk', 'API keys'], ['gw', 'Games']]) {
    for (const key of keys) await page.keyboard.press(key)
    await page.getByRole('heading', { name: title, level: 1 }).waitFor()
  }
  await page.getByRole('row').nth(1).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('navigation', { name: 'Game server' }).waitFor()
  quiet(page)
  await page.context().close()
})

test('create, type, stop, start, delete: a server’s whole life by the panel', async () => {
  const page = await visit('/workloads/new?template=process')
  const name = `Echo ${Date.now() % 100_000}`
  await page.getByLabel('Name · required').fill(name)
  await page.getByRole('button', { name: 'Create and start server' }).click()
  // The template needs a program, and says so in place.
  await page.getByText('A value is required.').first().waitFor()
  await page.getByLabel(/^Program/).fill('cat')
  await accessible(page)
  await page.getByRole('button', { name: 'Create and start server' }).click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
  const state = page.locator('header').getByText(/^Running/)
  await state.waitFor({ timeout: 60_000 })
  await page.getByRole('link', { name: 'Console' }).click()
  await page.getByLabel(/^Type a command/).fill('hello from the panel')
  await page.keyboard.press('Enter')
  // Once as what was typed, once as what the program said.
  await until('the echo', async () => (await page.getByRole('log').getByText('hello from the panel').count()) >= 2)
  await page.getByRole('button', { name: 'Stop server' }).click()
  await page.locator('header').getByText(/^Stopped/).waitFor({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Start server' }).click()
  await state.waitFor({ timeout: 60_000 })
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete server' }).click()
  await page.getByLabel(`Type ${name} to confirm`).fill(name)
  await page.getByRole('button', { name: 'Delete server' }).click()
  await until('it to be gone', async () => (await games(page)).every((game) => game.name !== name), 60_000)
  await page.context().close()
})

test('settings: a change is saved, and says when it takes effect', async () => {
  const page = await visit('/')
  const game = (await games(page)).find((each) => each.name === 'Winter archive')
  await page.goto(`${house.url}/workloads/${game.id}/settings`)
  const save = page.getByRole('button', { name: 'Save settings' })
  await save.waitFor()
  assert.ok(await save.isDisabled(), 'nothing to save yet')
  await page.getByLabel('Name', { exact: true }).fill(`${game.name} two`)
  await save.click()
  await page.getByRole('heading', { name: `${game.name} two`, level: 1 }).waitFor()
  await page.getByLabel('Name', { exact: true }).fill(game.name)
  await save.click()
  await page.getByRole('heading', { name: game.name, level: 1, exact: true }).waitFor()
  quiet(page)
  await page.context().close()
})

test('an API key is shown once, works, and is refused after it is revoked', async () => {
  const page = await visit('/settings/keys')
  await page.getByRole('button', { name: 'New API key' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill('From the browser')
  await page.getByRole('button', { name: 'Create key' }).click()
  const secret = (await page.getByLabel('API key', { exact: true }).textContent())?.trim() ?? ''
  assert.match(secret, /^ost_/)
  const stranger = await openContext(browser, 'light')
  const use = () => stranger.request.get(`${house.url}/api/v1/users/me`, { headers: { Authorization: `Bearer ${secret}` } })
  assert.equal((await use()).status(), 200)
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('button', { name: 'Revoke From the browser' }).click()
  await page.getByRole('button', { name: 'Revoke key' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.equal(await page.getByRole('cell', { name: 'From the browser' }).count(), 0)
  assert.equal((await use()).status(), 401)
  await stranger.close()
  await page.context().close()
})

test('when the stream is lost the page says since when, and heals by itself', async () => {
  const page = await openPage(await openContext(browser, 'light', signedIn))
  // The server is there, but its stream is not.
  await page.route('**/api/v1/events/stream', (route) => route.abort())
  await page.goto(house.url)
  await settled(page)
  await page.getByText(/^Not live since/).waitFor()
  await fits(page)
  await accessible(page)
  await page.unroute('**/api/v1/events/stream')
  await page.getByText(/^Not live since/).waitFor({ state: 'detached', timeout: 60_000 })
  await page.context().close()
})

test('no first load is over the limit, and nothing is asked of another origin', async () => {
  const page = await visit('/sign-in')
  const origins = new Set()
  page.on('request', (request) => origins.add(new URL(request.url()).origin))
  await page.goto(`${house.url}/`)
  await settled(page)
  assert.deepEqual([...origins], [house.url])
  await page.context().close()
})
