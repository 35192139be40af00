// A server to test against, and a browser to test with.
//
// OSTLER_URL and OSTLER_SETUP_SECRET name a server that is up; without them one is started from OSTLER_BIN in a folder of its own.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const ADMIN = { name: 'Ada Lovelace', email: 'ada@example.org', password: 'correct horse battery' }

/** Where screenshots go: `npm run screens` writes those that are committed. */
export const SCREENS = process.env.OSTLER_SCREENS ?? fileURLToPath(new URL('../test-results/screens', import.meta.url))
mkdirSync(SCREENS, { recursive: true })

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const START_MS = 60_000

/** The server: its address, the one-time secret, and how to end it. `more` are arguments for a server of our own. */
export async function openHouse(more = []) {
  const url = process.env.OSTLER_URL
  if (url !== undefined && url !== '') {
    return { url: url.replace(/\/$/, ''), secret: process.env.OSTLER_SETUP_SECRET ?? '', close: async () => {} }
  }
  return startHouse(process.env.OSTLER_BIN ?? path.join(ROOT, 'target/debug/ostler'), more)
}

async function startHouse(binary, more) {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: build it, or name a running server in OSTLER_URL`)
  const folder = mkdtempSync(path.join(tmpdir(), 'ostler-panel-'))
  const listen = `127.0.0.1:${await freePort()}`
  const child = spawn(binary, ['up', '--data', path.join(folder, 'data'), '--listen', listen, '--address', '127.0.0.1', '--port-range', portRange(), ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const secret = new Promise((resolve, reject) => {
    const look = (piece) => {
      said += piece
      const found = /\/setup#secret=([\w-]+)/.exec(said)
      if (found !== null) resolve(found[1])
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready:\n${said}`)))
    setTimeout(() => reject(new Error(`the server printed no sign-in link in ${START_MS / 1000} s:\n${said}`)), START_MS).unref()
  })
  const close = async () => {
    const over = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await over
    clearTimeout(late)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { url: `http://${listen}`, secret: await secret, isOwn: true, close }
  } catch (error) {
    if (child.exitCode === null) await close()
    throw error
  }
}

/** Ports for its games that another server on this machine most likely does not give out. */
function portRange() {
  const first = 22_000 + (process.pid % 200) * 20
  return `${first}-${first + 19}`
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A library with which a browser does not hear of the machine's new interfaces; `still.c` says why. */
function still() {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostler-still-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const library = path.join(folder, 'still.so')
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, fileURLToPath(new URL('still.c', import.meta.url)), '-ldl'])
  return library
}

/** The distribution's browser: nothing is downloaded. */
export function openBrowser() {
  const named = process.env.OSTLER_TEST_CHROMIUM
  const found = [named, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => file !== undefined && file !== '' && existsSync(file))
  if (found === undefined) throw new Error('no Chromium is here: `apt-get install chromium fonts-dejavu-core`, or name one in OSTLER_TEST_CHROMIUM')
  return chromium.launch({ executablePath: found, env: { ...process.env, LD_PRELOAD: still() }, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'] })
}

/** The three ways in which every page is looked at. */
export const MODES = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true },
}

/** Waits until `look` returns something, at most `ms`; says what it waited for when it never does. */
export async function until(what, look, ms = 30_000) {
  const end = Date.now() + ms
  let last
  for (;;) {
    last = await look()
    if (last) return last
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
