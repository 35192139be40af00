// A player and the panel talk to each other: a real Minecraft client on a server that was made here.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openBrowser, openHouse, until } from './house.mjs'
import { accessible, fits, quiet, screenshot } from './look.mjs'
import { enter } from './person.mjs'

const BOT = fileURLToPath(new URL('../../tests/fixtures/minecraft-bot/bot.js', import.meta.url))
/** The package comes from the registry once, and a world is made: both take a moment on a small machine. */
const READY_MS = 180_000

let house
let browser
let admin

before(async () => {
  assert.ok(existsSync(BOT.replace(/bot\.js$/, 'node_modules')), 'the Minecraft client is not installed: `npm ci` in tests/fixtures/minecraft-bot')
  house = await openHouse(['--no-demo'])
  browser = await openBrowser()
  admin = await enter(browser, house)
})

after(async () => {
  await admin?.leaveNothing()
  await browser?.close()
  await house?.close()
})

/** Joins the game, says `line`, and leaves after somebody says `awaited` (or at once). Collects what it heard. */
function join(port, name, line, awaited) {
  const child = spawn('node', [BOT, '127.0.0.1', String(port), name, line, ...(awaited === undefined ? [] : [awaited])], { stdio: ['ignore', 'pipe', 'inherit'] })
  const bot = { events: [], code: undefined, kill: () => child.kill('SIGKILL') }
  let rest = ''
  child.stdout.on('data', (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()
    for (const each of lines.filter((text) => text.startsWith('{'))) bot.events.push(JSON.parse(each))
  })
  bot.ended = new Promise((resolve) => child.once('exit', (code) => resolve((bot.code = code))))
  return bot
}

test('a player’s chat is in the panel’s console, and what is typed there is said in the game', async () => {
  const game = await admin.create({ name: 'Blocks', template: 'minecraft', variables: { accounts: false, operators: true }, start: true })
  const { page } = admin
  await page.goto(`${house.url}/workloads/${game}/console`)
  const { port } = await until('the game to be ready', async () => {
    const seen = await admin.ask(`/api/v1/workloads/${game}`)
    assert.notEqual(seen.state, 'failed', JSON.stringify(seen))
    return seen.state === 'running' && seen.is_ready && { port: seen.ports.game }
  }, READY_MS)

  const log = page.getByRole('log', { name: 'Console output' })
  const bot = join(port, 'bot1', 'hello from the bot', 'good evening, bot')
  try {
    // The player is on the panel by what the game itself said, without a reload.
    await log.getByText('<bot1> hello from the bot').waitFor({ timeout: 60_000 })
    await page.getByLabel(/^Type a command/).fill('say good evening, bot')
    await page.keyboard.press('Enter')
    const code = await Promise.race([bot.ended, new Promise((resolve) => setTimeout(resolve, 30_000, 'still there').unref())])
    assert.equal(code, 0, `the bot heard ${JSON.stringify(bot.events)}`)
    assert.ok(bot.events.some((each) => each.event === 'heard' && each.text.includes('good evening, bot')), 'as chat, in the game')
  } finally {
    bot.kill()
  }
  await log.getByText('good evening, bot').first().waitFor()
  await fits(page)
  await screenshot(page, 'minecraft-console', 'light')
  await accessible(page)
  quiet(page)
})
