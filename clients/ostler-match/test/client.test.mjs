// What no real server does on demand: lost turns, gaps, repetitions, silence.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinMatch } from '../dist/index.js';
import { until } from './worker.mjs';

/** A socket whose other end is the test. */
class Fake {
  static all = [];
  readyState = 0;
  said = [];
  constructor(url) {
    this.url = url;
    Fake.all.push(this);
    queueMicrotask(() => { this.readyState = 1; this.onopen?.({}); });
  }
  send(text) { this.said.push(JSON.parse(text)); }
  close() { this.readyState = 3; }
  hear(frame) { this.onmessage?.({ data: JSON.stringify(frame) }); }
  break(reason = '') { this.readyState = 3; this.onclose?.({ reason }); }
}

async function begin(more = {}) {
  Fake.all.length = 0;
  const seen = { turns: [], ends: [], starts: 0 };
  seen.match = joinMatch({
    url: 'ws://fake', gameID: 'aB3dE5gH', token: 't', username: 'ada', WebSocket: Fake, backoffMs: [1, 4],
    turn: (turn) => seen.turns.push(turn.turnNumber),
    start: () => { seen.starts += 1; },
    end: (reason) => seen.ends.push(reason),
    ...more,
  });
  await next(seen, 1);
  return seen;
}
async function next(seen, count) {
  await until('there is a socket', () => Fake.all.length === count && Fake.all[count - 1].said.length > 0);
  seen.socket = Fake.all[count - 1];
  seen.hello = seen.socket.said[0];
}
const turn = (turnNumber) => ({ turnNumber, intents: [] });
const start = (turns, run = 7) => ({
  type: 'start', turns, gameStartInfo: { gameID: 'aB3dE5gH', config: {}, players: [] }, lobbyCreatedAt: 1, myClientID: 'me345678', run,
});

test('it joins until the start and rejoins afterwards, with what it has', async () => {
  const seen = await begin();
  assert.deepEqual(seen.hello, { type: 'join', gameID: 'aB3dE5gH', token: 't', username: 'ada' });
  seen.socket.break();
  await next(seen, 2);
  assert.equal(seen.hello.type, 'join');
  seen.socket.hear(start([turn(0), turn(1)]));
  seen.socket.break('no_ping');
  await next(seen, 3);
  assert.deepEqual(seen.hello, { type: 'rejoin', gameID: 'aB3dE5gH', token: 't', lastTurn: 2, run: 7 });
  seen.match.leave();
});

test('a turn that comes twice is played once, and a gap is asked for again', async () => {
  const seen = await begin();
  seen.socket.hear(start([turn(0)]));
  for (const n of [0, 1, 1, 0]) seen.socket.hear({ type: 'turn', turn: turn(n) });
  assert.deepEqual(seen.turns, [0, 1]);
  seen.socket.hear({ type: 'turn', turn: turn(3) });
  seen.socket.hear({ type: 'turn', turn: turn(2) });
  assert.deepEqual(seen.turns, [0, 1], 'an abandoned socket says nothing any more');
  await next(seen, 2);
  assert.equal(seen.hello.lastTurn, 2);
  seen.socket.hear(start([turn(2), turn(3)]));
  assert.deepEqual([seen.turns, seen.starts], [[0, 1, 2, 3], 1]);
  seen.match.leave();
});

test('lost turns: it goes back as far as it must, or begins anew, or ends', async () => {
  const back = [];
  let seen = await begin({ resync: (turns) => { back.push(turns); } });
  seen.socket.hear(start([turn(0), turn(1), turn(2)]));
  seen.socket.break();
  await next(seen, 2);
  seen.socket.hear({ type: 'resync', lastTurn: 1 });
  seen.socket.hear(start([turn(1), turn(2)], 8));
  assert.deepEqual([back, seen.turns, seen.match.turns], [[1], [0, 1, 2, 1, 2], 3]);
  seen.socket.break();
  await next(seen, 3);
  assert.deepEqual([seen.hello.lastTurn, seen.hello.run], [3, 8]);
  seen.match.leave();

  seen = await begin({ resync: () => 0 });
  seen.socket.hear(start([turn(0), turn(1)]));
  seen.socket.hear({ type: 'resync', lastTurn: 1 });
  seen.socket.hear(start([turn(1)], 8));
  await next(seen, 2);
  assert.deepEqual([seen.hello.lastTurn, seen.hello.run], [0, undefined]);
  seen.socket.hear(start([turn(0), turn(1)], 8));
  assert.deepEqual(seen.turns, [0, 1, 0, 1]);
  seen.match.leave();

  seen = await begin();
  seen.socket.hear(start([turn(0)]));
  seen.socket.hear({ type: 'resync', lastTurn: 0 });
  assert.deepEqual([seen.ends, seen.match.state], [['turns-lost'], 'ended']);
});

test('errors are for good unless they pass, and so are ends', async () => {
  for (const error of ['full-lobby', 'kick_reason.admin', 'not-found', 'turns-lost']) {
    const seen = await begin();
    seen.socket.hear({ type: 'error', error });
    seen.socket.break(error);
    assert.deepEqual([seen.ends, seen.match.state], [[error], 'ended']);
  }
  for (const reason of ['finished', 'ended', 'replaced', 'time_is_up']) {
    const seen = await begin();
    seen.socket.break(reason);
    assert.deepEqual(seen.ends, [reason]);
  }
  const seen = await begin();
  seen.socket.hear({ type: 'error', error: 'too-many-rejoins' });
  seen.socket.break('too-many-rejoins');
  await next(seen, 2);
  assert.deepEqual(seen.ends, []);
  seen.match.leave();
});

test('silence is a broken line, and wishes are not kept', async () => {
  const seen = await begin({ heartbeatMs: 60 });
  assert.equal(seen.match.act({ type: 'attack' }), true);
  await until('it pings', () => seen.socket.said.some((frame) => frame.type === 'ping'));
  const silent = seen.socket;
  await until('it tries again', () => Fake.all.length > 1);
  assert.equal(silent.readyState, 3);
  seen.match.leave();
  assert.equal(seen.match.act({ type: 'attack' }), false);
});
