// Matches in a real browser: made, played by two people, paused, replayed; and bots with their keys.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MODES, openBrowser, openHouse, until } from './house.mjs'
import { look, openContext, openPage, quiet, settled } from './look.mjs'
import { colleague, enter } from './person.mjs'

const BOB = { name: 'Bob Kahn', email: 'bob@example.org', password: 'packets find their own way', role: 'member' }

let house
let browser
let admin
let signedIn
let bobsState

before(async () => {
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
  signedIn = await admin.state()
  const page = await colleague(browser, house, admin, BOB)
  bobsState = await page.context().storageState()
  await page.context().close()
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

async function visit(address, mode = 'light', state = signedIn) {
  const page = await openPage(await openContext(browser, mode, state))
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

let id

test('a match is made by a form from its schema, and configured', async () => {
  await lookAt('/matches', 'matches-empty', (page) => page.getByText('No match is on').waitFor())
  const page = await visit('/matches')
  await page.getByRole('button', { name: 'New match' }).first().click()
  await page.getByLabel('Max players').last().waitFor()
  const delay = page.getByRole('textbox', { name: 'Start delay' })
  await delay.fill('999')
  await delay.blur()
  await page.getByText('Use 600 or less.').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Create match' }).isDisabled(), 'what is wrong is not sent')
  await delay.fill('1')
  await delay.blur()
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
  for (const mode of ['light', 'dark']) {
    const asked = await visit('/matches', mode)
    await asked.getByRole('button', { name: 'New match' }).first().click()
    await asked.getByLabel('Max players').last().waitFor()
    await look(asked, 'match-new', mode)
    await asked.context().close()
  }
})

test('lists, pairs, and a number or a word have fields, and reach the match', async () => {
  const headers = admin.headers
  const made = await admin.page.request.post(`${house.url}/api/v1/workspaces/${admin.workspace}/matches`, { headers, data: { title: 'openfront' } })
  assert.equal(made.status(), 201, await made.text())
  const front = (await made.json()).match.id
  const page = await visit(`/matches/${front}`)
  const units = page.getByLabel('Disabled units')
  await units.fill('Warship\nMIRV\n')
  await page.getByLabel('Host cheats').fill('infiniteGold = true\nspeed')
  await page.getByLabel('Host cheats').blur()
  await page.getByText('Use “name = value”, one a line.').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Save configuration' }).isDisabled())
  await page.getByLabel('Host cheats').fill('infiniteGold = true\nspeed = 2')
  await page.getByLabel('Player teams').fill('Duos')
  for (const mode of Object.keys(MODES)) {
    await page.setViewportSize(MODES[mode].viewport)
    await page.emulateMedia({ colorScheme: MODES[mode].colorScheme, reducedMotion: 'reduce' })
    await look(page, 'match-config', mode)
  }
  await page.getByRole('button', { name: 'Save configuration' }).click()
  const config = await until('the new configuration', async () => {
    const answer = await page.request.get(`${house.url}/api/v1/matches/${front}`)
    const { gameConfig } = (await answer.json()).info
    return gameConfig.playerTeams === 'Duos' && gameConfig
  })
  assert.deepEqual([config.disabledUnits, config.hostCheats], [['Warship', 'MIRV'], { infiniteGold: true, speed: 2 }])
  quiet(page)
  await page.context().close()
  assert.ok((await admin.page.request.delete(`${house.url}/api/v1/matches/${front}`, { headers })).ok())
})

test('two people play it to its end, a third watches, the list follows', async () => {
  const [ada, bob, watcher] = [await visit(`/matches/${id}`), await visit(`/matches/${id}`, 'light', bobsState), await visit('/matches')]
  await ada.getByText('Open seat').first().waitFor()
  for (const page of [ada, bob]) {
    await page.getByRole('button', { name: 'Take a seat' }).click()
    await page.getByText('you', { exact: true }).waitFor()
  }
  await watcher.getByRole('row', { name: new RegExp(`${id}.*Lobby.*2`) }).waitFor()
  await lookAt(`/matches/${id}`, 'match-lobby', (page) => page.getByText('2 of 8').waitFor())
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
  await bob.getByText('marks row 3, column 2').waitFor()
  for (const page of [ada, bob, watcher]) {
    quiet(page)
    await page.context().close()
  }
})

test('it is replayed turn by turn', async () => {
  const page = await visit(`/matches/${id}`)
  const end = page.getByRole('button', { name: 'End', exact: true })
  if (await end.isVisible()) {
    await end.click()
    await page.getByRole('button', { name: 'End match' }).click()
  }
  await page.getByRole('heading', { name: 'Replay' }).waitFor()
  // It opens with how it ended.
  await page.getByText('Ada Lovelace has won.').waitFor()
  await page.getByRole('listitem').filter({ hasText: 'Ada Lovelace' }).getByText('won', { exact: true }).waitFor()
  await settled(page)
  const slider = page.getByRole('slider', { name: 'Turn' })
  await slider.focus()
  await page.keyboard.press('End')
  await page.getByText('Ada Lovelace has won.').waitFor()
  await page.keyboard.press('Home')
  await page.getByRole('img', { name: 'Row 2, column 2: empty' }).waitFor()
  await page.keyboard.press(']')
  await page.getByRole('img', { name: 'Row 2, column 2: cross' }).waitFor()
  await page.keyboard.press('[')
  await page.getByRole('img', { name: 'Row 2, column 2: empty' }).waitFor()
  await page.getByRole('radio', { name: '16×' }).click()
  await page.keyboard.press('p')
  await page.getByText('Ada Lovelace has won.').waitFor()
  quiet(page)
  await page.context().close()
  await lookAt(`/matches/${id}`, 'match-replay', (each) => each.getByText('Ada Lovelace has won.').waitFor())
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
