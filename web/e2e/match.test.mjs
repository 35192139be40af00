// Matches in a real browser: made, played by two people, paused, replayed; and bots with their keys.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN, MODES, openBrowser, openHouse, until } from './house.mjs'
import { look, openContext, openPage, quiet } from './look.mjs'

let house
let browser
let signedIn

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
})

after(async () => {
  await browser?.close()
  await house?.close()
})

async function visit(address, mode = 'light') {
  const page = await openPage(await openContext(browser, mode, signedIn))
  await page.goto(house.url + address)
  return page
}

/** Looks at a page in every mode. */
async function lookAt(address, name, ready) {
  for (const mode of Object.keys(MODES)) {
    const page = await visit(address, mode)
    await ready(page)
    await look(page, name, mode)
    await page.context().close()
  }
}

test('an admin signs in', async () => {
  const context = await openContext(browser, 'light')
  const page = await openPage(context)
  await page.goto(`${house.url}/setup#secret=${house.secret}`)
  await page.getByLabel('Your name').fill(ADMIN.name)
  await page.getByLabel('E-mail').fill(ADMIN.email)
  await page.getByLabel('Password', { exact: true }).fill(ADMIN.password)
  await page.getByRole('button', { name: 'Create admin and sign in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  signedIn = await context.storageState()
  await context.close()
})

let id

test('a match is made by a form from its schema, and configured', async () => {
  await lookAt('/matches', 'matches-empty', (page) => page.getByText('No match is on').waitFor())
  const page = await visit('/matches')
  await page.getByRole('button', { name: 'New match' }).first().click()
  await page.getByLabel('Max players').last().waitFor()
  await page.getByRole('button', { name: 'Create match' }).click()
  await page.getByRole('heading', { name: 'Configuration' }).waitFor()
  id = new URL(page.url()).pathname.split('/').at(-1)
  assert.match(id, /^[0-9A-Za-z]{8}$/)
  const box = page.getByRole('textbox', { name: 'Start delay' })
  await box.fill('2')
  await box.blur()
  await page.getByRole('button', { name: 'Save configuration' }).click()
  await until('the new configuration', async () => {
    const answer = await page.request.get(`${house.url}/api/v1/matches/${id}`)
    return (await answer.json()).info.gameConfig.startDelay === 2
  })
  quiet(page)
  await page.context().close()
})

test('two people play it to its end, a third watches, the list follows', async () => {
  const [ada, bob, watcher] = [await visit(`/matches/${id}`), await visit(`/matches/${id}`), await visit('/matches')]
  for (const page of [ada, bob]) {
    await page.getByRole('button', { name: 'Take a seat' }).click()
    await page.getByText('you', { exact: true }).waitFor()
  }
  await watcher.getByRole('row', { name: new RegExp(`${id}.*Lobby.*2`) }).waitFor()
  await lookAt(`/matches/${id}`, 'match-lobby', (page) => page.getByText('Players, 2').waitFor())
  await ada.getByRole('button', { name: 'Start match' }).click()
  await watcher.getByRole('row', { name: new RegExp(`${id}.*Running`) }).waitFor()
  const cell = (page, row, column) => page.getByRole('button', { name: `Row ${row}, column ${column}: empty` })
  await ada.getByText('Your turn: you play crosses.').waitFor()
  for (const [page, row, column] of [
    [ada, 2, 2],
    [bob, 1, 1],
    [ada, 1, 2],
    [bob, 3, 3],
  ]) {
    await cell(page, row, column).click()
  }
  await ada.getByText('Your turn: you play crosses.').waitFor()
  await lookAt('/matches', 'matches', (page) => page.getByRole('row', { name: new RegExp(id) }).waitFor())
  await lookAt(`/matches/${id}`, 'match-running', (page) => page.getByRole('img', { name: 'Row 3, column 3: nought' }).waitFor())
  await ada.getByRole('button', { name: 'Pause', exact: true }).click()
  await ada.getByRole('button', { name: 'Resume', exact: true }).click()
  await ada.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await cell(ada, 3, 2).click()
  await ada.getByText('You have won.').waitFor()
  await bob.getByText('Ada Lovelace has won.').waitFor()
  for (const page of [ada, bob, watcher]) await page.context().close()
})

test('it is replayed turn by turn', async () => {
  const page = await visit(`/matches/${id}`)
  const end = page.getByRole('button', { name: 'End', exact: true })
  if (await end.isVisible()) {
    await end.click()
    await page.getByRole('button', { name: 'End match' }).click()
  }
  await page.getByRole('heading', { name: 'Replay' }).waitFor()
  const slider = page.getByRole('slider', { name: 'Turn' })
  await slider.focus()
  await page.keyboard.press('End')
  await page.getByText('Ada Lovelace has won.').waitFor()
  await page.keyboard.press('Home')
  await page.getByRole('img', { name: 'Row 2, column 2: empty' }).waitFor()
  await page.keyboard.press('p')
  await page.getByRole('img', { name: 'Row 2, column 2: cross' }).waitFor()
  quiet(page)
  await page.context().close()
  await lookAt(`/matches/${id}`, 'match-replay', async (each) => {
    await each.getByRole('slider', { name: 'Turn' }).focus()
    await each.keyboard.press('End')
    await each.getByText('Ada Lovelace has won.').waitFor()
  })
  await lookAt('/matches?state=archived', 'matches-archive', (each) => each.getByRole('row', { name: new RegExp(id) }).waitFor())
})

test('a bot gets a key that works, once', async () => {
  const page = await visit('/matches/bots')
  await page.getByRole('button', { name: 'New bot' }).first().click()
  await page.getByLabel('Name').fill('ladder')
  await page.getByRole('button', { name: 'Create bot' }).click()
  await page.getByRole('heading', { name: 'ladder is ready' }).waitFor()
  const key = /ostbot_[\w-]{43}/.exec(await page.getByRole('dialog').innerText())?.[0]
  assert.ok(key !== undefined)
  const made = await fetch(`${house.url}/api/adminbot/create_game?title=tic-tac-toe`, { method: 'POST', headers: { 'x-admin-bot-key': key } })
  assert.equal(made.status, 200)
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('row', { name: /ladder/ }).waitFor()
  quiet(page)
  await page.context().close()
  await lookAt('/matches/bots', 'bots', (each) => each.getByRole('row', { name: /ladder/ }).waitFor())
})
