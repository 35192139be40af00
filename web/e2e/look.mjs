// Looking at a page: is it complete, does it fit, can everybody use it, does it complain?

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { MODES, SCREENS, until } from './house.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** A browser context in one of the modes, signed in with the cookies given, whose pages collect what they complain about. */
export async function openContext(browser, mode, storageState) {
  // axe is added to the page, which the page's own policy would rightly refuse.
  const context = await browser.newContext({ ...MODES[mode], reducedMotion: 'reduce', bypassCSP: true, storageState })
  context.setDefaultTimeout(30_000)
  return context
}

/** A page that remembers its errors. */
export async function openPage(context) {
  const page = await context.newPage()
  page.complaints = []
  page.on('pageerror', (error) => page.complaints.push(`threw: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') page.complaints.push(`said: ${message.text()}`)
  })
  page.on('request', (request) => {
    const { origin } = new URL(request.url())
    if (/^https?:/.test(request.url()) && origin !== new URL(page.url() === 'about:blank' ? request.url() : page.url()).origin) {
      page.complaints.push(`asked another origin: ${request.url()}`)
    }
  })
  return page
}

/** No event arrives on this page: it asks again only when somebody makes it, and nothing heals before the test has looked. */
export function deaf(page) {
  return page.route('**/api/v1/events/stream*', () => new Promise(() => {}))
}

/** Waits until everything that was asked for is there: no skeleton is left. */
export async function settled(page) {
  await page.locator('h1').first().waitFor()
  await until(`${page.url()} to be complete`, async () => {
    const left = await page.evaluate(() => document.querySelectorAll(':is(.skeleton, [aria-busy="true"]):not([data-sample] *)').length)
    return left === 0
  })
  await page.evaluate(() => document.fonts.ready)
}

/** Fails when something reaches over the right edge: nobody scrolls sideways to read. */
export async function fits(page) {
  const over = await page.evaluate(() => {
    const inner = [...document.querySelectorAll('[data-scroller]')].map((box) => box.scrollWidth - box.clientWidth)
    return Math.max(document.documentElement.scrollWidth - window.innerWidth, ...inner)
  })
  assert.ok(over <= 0, `${page.url()} is ${over} pixels too wide`)
}

/** Fails with every violation that axe finds. */
export async function accessible(page) {
  await page.evaluate(AXE)
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return result.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(' ')}\n    ${n.html.slice(0, 200)}\n    ${n.failureSummary?.split('\n').slice(1, 3).join(' ')}`).join('\n')}`)
  })
  assert.deepEqual(found, [], `${page.url()} is not accessible:\n${found.join('\n')}`)
}

export function quiet(page) {
  assert.deepEqual(page.complaints, [], `${page.url()} complains`)
}

export async function screenshot(page, name, mode) {
  await page.screenshot({ path: path.join(SCREENS, `${name}-${mode}.png`), animations: 'disabled', caret: 'hide' })
}

/** All of the above. */
export async function look(page, name, mode) {
  await settled(page)
  await fits(page)
  await screenshot(page, name, mode)
  await accessible(page)
  quiet(page)
}
