// What is wrong with a node, how far it must isolate, and what to do when it is lost.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse } from './house.mjs'
import { deaf, look, openContext, openPage, settled } from './look.mjs'
import { enter, forgive } from './person.mjs'

let house
let browser
let admin
let node

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  node = (await (await admin.page.request.get(`${house.url}/api/v1/nodes`)).json()).items[0]
  assert.ok(node, 'this machine is a node')
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

const problems = [
  {
    code: 'copied',
    is_blocking: false,
    message: "Another machine shows this node's key and is refused, from 203.0.113.7: its state was copied or restored.",
    remedy: 'Run `ostler agent leave --abandon` and `ostler agent join` on the copy.',
  },
  { code: 'low_disk', is_blocking: true, message: 'It has too little free disk, so nothing new starts.', remedy: 'Free some disk on it: delete servers, or enlarge the disk.' },
]

/** The node's page, with something changed in what the server says of it. */
async function open(mode, changes = {}, address = `/nodes/${node.id}`) {
  const page = await openPage(await openContext(browser, mode, await admin.state()))
  if (Object.keys(changes).length > 0) {
    await deaf(page)
    const change = (one) => (one.id === node.id ? { ...one, ...changes } : one)
    await page.route(/\/api\/v1\/(workspaces\/[^/]+\/)?nodes(\/[^/?]+)?(\?|$)/, async (route) => {
      const response = await route.fetch()
      const body = await response.json()
      await route.fulfill({ response, json: Array.isArray(body.items) ? { ...body, items: body.items.map(change) } : change(body) })
    })
  }
  await page.goto(house.url + address)
  await settled(page)
  return page
}

for (const mode of Object.keys(MODES)) {
  test(`what is wrong stands first, with what to do about it, ${mode}`, async () => {
    const page = await open(mode, { problems })
    const section = page.getByRole('region', { name: 'Problems' }).or(page.locator('section', { hasText: 'Problems' })).first()
    await section.getByText('Another machine has its key').waitFor()
    await section.getByText('enlarge the disk').waitFor()
    await look(page, 'node-problems', mode)
    await page.goto(house.url)
    await settled(page)
    await page.getByText('Another machine has its key').waitFor()
    await look(page, 'overview-problems', mode)
    await page.context().close()
  })

  test(`a lost node is forgotten by its name, and not while it answers, ${mode}`, async () => {
    const page = await open(mode, { state: 'offline' })
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Forget lost node' }).click()
    const dialog = page.getByRole('dialog')
    const forget = dialog.getByRole('button', { name: 'Forget node' })
    assert.ok(await forget.isDisabled(), 'without its name nothing is forgotten')
    await dialog.getByRole('textbox').fill(node.name)
    await look(page, 'node-forget', mode)
    await forget.click()
    await dialog.getByRole('alert').filter({ hasText: 'the node answers' }).waitFor()
    forgive(page, 409)
    await page.context().close()
  })
}

test('isolation is demanded and allowed by name', async () => {
  const page = await open('light')
  const choose = async (level, verb) => {
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Set isolation' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(level, { exact: true }).click()
    await look(page, `node-isolation-${level.toLowerCase()}`, 'light')
    await dialog.getByRole('button', { name: verb }).click()
    await dialog.waitFor({ state: 'hidden' })
  }
  await choose('Full', 'Set isolation')
  await page.getByText('Demands at least').locator('..').getByText('Full').waitFor()
  await choose('None', 'Allow less isolation')
  await page.getByText('Demands at least').locator('..').getByText('None').waitFor()
  await page.context().close()
})
