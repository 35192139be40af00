// A mail server that keeps what it is given: real SMTP on a port of its own, with a name and a password.

import { SMTPServer } from 'smtp-server'
import { until } from './house.mjs'

const NAME = 'ostler'
const PASSWORD = 'a password of the mail server'

/** Listens, and answers what to tell Ostler, what came, and how to end it. */
export async function openSink() {
  const letters = []
  const server = new SMTPServer({
    // A relay on this machine: Ostler refuses to send a password in the clear to any other.
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    logger: false,
    onAuth: ({ username, password }, _session, done) => (username === NAME && password === PASSWORD ? done(null, { user: username }) : done(new Error('wrong name or password'))),
    onData(stream, { envelope }, done) {
      const pieces = []
      stream.on('data', (piece) => pieces.push(piece))
      stream.on('end', () => {
        const raw = Buffer.concat(pieces).toString()
        letters.push({ from: envelope.mailFrom.address, to: envelope.rcptTo.map(({ address }) => address), raw, text: plain(raw), html: part(raw, 'text/html') })
        done()
      })
    },
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // A connection that is cut is the business of whoever waits for its letter.
  server.on('error', () => {})
  return {
    letters,
    settings: { 'mail.host': '127.0.0.1', 'mail.port': server.server.address().port, 'mail.security': 'none', 'mail.username': NAME, 'mail.password': PASSWORD, 'mail.from': 'ostler@example.org' },
    /** The next letter to somebody, which nobody has taken yet. */
    async take(to) {
      let at = -1
      await until(`a letter to ${to}`, () => (at = letters.findIndex((letter) => letter.to.includes(to))) >= 0, 60_000)
      return letters.splice(at, 1)[0]
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

const plain = (raw) => part(raw, 'text/plain')

/** One part of a mail, decoded. */
function part(raw, type) {
  const boundary = /boundary="?([^"\r\n;]+)"?/i.exec(raw)?.[1]
  const parts = boundary === undefined ? [raw] : raw.split(`--${boundary}`)
  const found = parts.find((each) => new RegExp(`^content-type: ${type}`, 'im').test(each))
  if (found === undefined) return ''
  const at = found.indexOf('\r\n\r\n')
  const [head, body] = [found.slice(0, at), found.slice(at + 4)]
  if (/^content-transfer-encoding: base64/im.test(head)) return Buffer.from(body, 'base64').toString()
  if (!/^content-transfer-encoding: quoted-printable/im.test(head)) return body
  const bytes = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
