// A real `ostler match-worker` for the tests, a bot, and a line that can be cut.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = new URL('../../../', import.meta.url).pathname;
const binary = process.env.OSTLER_BIN ?? join(root, 'target/debug/ostler');
const KEY = 'a key for tests';

export class Worker {
  address = '127.0.0.1:0';
  #data = mkdtempSync(join(tmpdir(), 'ostler-match-'));
  #process;

  static async start() {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: cargo build -p ostler, or name another in OSTLER_BIN`);
    const worker = new Worker();
    await worker.resume();
    return worker;
  }
  async resume() {
    const args = ['match-worker', '--listen', this.address, '--data', this.#data];
    this.#process = spawn(binary, args, { env: { ...process.env, ADMIN_BOT_API_KEY: KEY }, stdio: ['ignore', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const found = /listens on http:\/\/(\S+)/.exec(line);
      if (found) {
        this.address = found[1];
        return;
      }
    }
    throw new Error('the worker ended before it listened');
  }
  async kill(signal = 'SIGKILL') {
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }
  async stop() {
    await this.kill('SIGTERM');
    rmSync(this.#data, { recursive: true });
  }
  async bot(method, path, body) {
    const answer = await fetch(`http://${this.address}/api/adminbot/${path}`, {
      method,
      headers: { 'x-admin-bot-key': KEY, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text && JSON.parse(text) };
  }
  async create(title, config) {
    const made = await this.bot('POST', `create_game?title=${title}`, config);
    if (made.status !== 200) throw new Error(JSON.stringify(made));
    return { gameID: made.body.gameID, url: `ws://${this.address}/${made.body.workerPath}` };
  }
  async begin(gameID) {
    await this.bot('POST', `game/${gameID}/intent`, { type: 'toggle_game_start_timer' });
  }
}

/** Carries bytes both ways until it is cut; then new lines work again. */
export class Line {
  #pairs = new Set();
  #server;
  static async to(address) {
    const line = new Line();
    const [host, port] = address.split(':');
    line.#server = createServer((near) => {
      const far = connect(Number(port), host);
      line.#pairs.add(near);
      near.pipe(far).pipe(near);
      for (const end of [near, far]) {
        end.on('error', () => {});
        end.on('close', () => { near.destroy(); far.destroy(); line.#pairs.delete(near); });
      }
    }).listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    line.address = `127.0.0.1:${line.#server.address().port}`;
    return line;
  }
  cut() {
    for (const near of this.#pairs) near.destroy();
  }
  async close() {
    this.cut();
    this.#server.close();
  }
}

/** Waits for a fact. */
export async function until(what, look, within = 30_000) {
  const deadline = Date.now() + within;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((go) => setTimeout(go, 20));
  }
}
