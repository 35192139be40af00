// Lighthouse's scores of one page, of a hundred: `node lighthouse.mjs PACKAGES BROWSER [URL COOKIE]`.
//
// Prints performance and accessibility. Without an address the page is one that has a heading and nothing else, served by
// this process: the best that the machine lets anybody reach. The window is a desktop's, unthrottled but for Lighthouse's own
// model of a network.

import { createServer } from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [packages, browser, url, cookie] = process.argv.slice(2)
const load = (file) => import(pathToFileURL(path.join(packages, 'node_modules', file)).href)
const { default: lighthouse, desktopConfig } = await load('lighthouse/core/index.js')
const { launch } = await load('chrome-launcher/dist/index.js')

const EMPTY = '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Empty</title><main><h1>Empty</h1></main></html>'

const bare = url === undefined ? createServer((_, response) => response.setHeader('content-type', 'text/html').end(EMPTY)) : undefined
if (bare !== undefined) await new Promise((resolve) => bare.listen(0, '127.0.0.1', resolve))
const address = url ?? `http://127.0.0.1:${bare.address().port}/`

const chrome = await launch({ chromePath: browser, chromeFlags: ['--headless=new', '--no-sandbox', '--disable-dev-shm-usage'] })
try {
  const flags = { port: chrome.port, logLevel: 'error', onlyCategories: ['performance', 'accessibility'] }
  const { lhr } = await lighthouse(address, cookie === undefined ? flags : { ...flags, extraHeaders: { Cookie: cookie } }, desktopConfig)
  if (lhr.runtimeError !== undefined) throw new Error(`${lhr.runtimeError.code}: ${lhr.runtimeError.message}`)
  // Whoever is sent elsewhere (to signing in) has not measured what they asked for.
  if (lhr.finalDisplayedUrl !== address) throw new Error(`${address} led to ${lhr.finalDisplayedUrl}`)
  const { performance, accessibility } = lhr.categories
  const lost = Object.values(lhr.audits).filter((audit) => audit.score !== null && audit.score < 0.9)
  console.error(lost.map((audit) => `${audit.id}: ${audit.displayValue ?? audit.score}`).join('\n'))
  console.log(`${Math.round(performance.score * 100)} ${Math.round(accessibility.score * 100)}`)
} finally {
  chrome.kill()
  bare?.close()
}
