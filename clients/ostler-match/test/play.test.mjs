// Whole matches against the real program: through broken lines, and through the worker's death.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { joinMatch } from '../dist/index.js';
import { Line, until, Worker } from './worker.mjs';

let worker;
before(async () => { worker = await Worker.start(); });
after(() => worker.stop());

/** A player who keeps every turn. */
function player(place, username) {
  const seen = { turns: [], states: [], starts: 0, ends: [] };
  seen.match = joinMatch({
    ...place, username, token: `secret of ${username}`, backoffMs: [20, 200],
    turn: (turn) => seen.turns.push(turn),
    start: () => { seen.starts += 1; },
    state: (state) => seen.states.push(state),
    end: (reason) => seen.ends.push(reason),
  });
  return seen;
}
const inOrder = (seen) => assert.deepEqual(seen.turns.map((turn) => turn.turnNumber), seen.turns.map((_, at) => at));
const acted = (seen, by) => seen.turns.some((turn) => turn.intents.some((intent) => intent.by === by));
const joined = (players) => until('all are in the lobby', () => players.every((p) => p.match.me));

test('two players see the same turns through lines that break', async () => {
  const { gameID } = await worker.create('openfront', { startDelay: 0 });
  const line = await Line.to(worker.address);
  const ada = player({ gameID, url: `ws://${line.address}/w0` }, 'ada');
  const bob = player({ gameID, url: `ws://${worker.address}/w0` }, 'bob');
  await joined([ada, bob]);
  await worker.begin(gameID);
  for (let cut = 0; cut < 3; cut += 1) {
    await until('they play', () => ada.match.state === 'open' && ada.turns.length > cut * 4);
    line.cut();
    await until('the cut is noticed', () => ada.states.filter((state) => state === 'waiting').length > cut);
  }
  await until('it acts again', () => ada.match.act({ type: 'attack', by: 'ada' }));
  await until('both saw it', () => acted(ada, 'ada') && acted(bob, 'ada'));
  [ada, bob].forEach(inOrder);
  const both = Math.min(ada.turns.length, bob.turns.length);
  assert.deepEqual(ada.turns.slice(0, both), bob.turns.slice(0, both));
  assert.equal(ada.starts, 1);
  [ada, bob].forEach((seen) => seen.match.vote('ada'));
  await until('it is over', () => ada.ends.length && bob.ends.length);
  assert.deepEqual([ada.ends, bob.ends, ada.match.state], [['finished'], ['finished'], 'ended']);
  await line.close();
});

test('a match goes on after the worker was killed', async () => {
  const { gameID, url } = await worker.create('openfront', { startDelay: 0 });
  const players = ['ada', 'bob'].map((name) => player({ gameID, url }, name));
  await joined(players);
  await worker.begin(gameID);
  await until('they play', () => players.every((p) => p.turns.length > 5));
  await worker.kill();
  await until('they noticed', () => players.every((p) => p.match.state !== 'open'));
  await worker.resume();
  await until('they are back', () => players[0].match.act({ type: 'attack', by: 'again' }));
  await until('both saw it', () => players.every((p) => acted(p, 'again')));
  players.forEach(inOrder);
  players.forEach((p) => p.match.leave());
  assert.equal((await worker.bot('DELETE', `game/${gameID}`)).status, 204);
});

test('who is put out stays out', async () => {
  const { gameID, url } = await worker.create('openfront', { startDelay: 0 });
  const ada = player({ gameID, url }, 'ada');
  await joined([ada]);
  await worker.bot('POST', `game/${gameID}/intent`, { type: 'kick_player', targetClientID: ada.match.me });
  await until('she is out', () => ada.ends.length);
  assert.deepEqual(ada.ends, ['kick_reason.admin']);
  const again = player({ gameID, url }, 'ada');
  await until('she stays out', () => again.ends.length);
  assert.deepEqual(again.ends, ['kick_reason.kicked']);
});

test('the guide builds a game that can be played', async () => {
  const guide = readFileSync(new URL('../../../docs/guides/build-a-game.md', import.meta.url), 'utf8');
  const code = /```js\n\/\/ tic-tac-toe\.js\n(.*?)```/s.exec(guide)[1];
  assert.ok(code.trim().split('\n').length <= 60, 'it says fifty lines');
  const folder = new URL('../dist/guide/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('tic-tac-toe.js', folder), code.replace("'ostler-match'", "'../index.js'"));
  const { sitDown } = await import(new URL('tic-tac-toe.js', folder));

  const { gameID, url } = await worker.create('tic-tac-toe', { maxPlayers: 2, startDelay: 0 });
  const games = [];
  const ends = [];
  const tables = [];
  for (const [n, username] of ['ada', 'bob'].entries()) {
    tables.push(sitDown(
      { gameID, url, username, token: `secret of ${username}` },
      (game, me) => { games[n] = { board: game.board.join(''), me, winner: game.winner }; },
      (reason) => { ends[n] = reason; },
    ));
    await until('the place is taken', async () => (await worker.bot('GET', `game/${gameID}`)).body.numClients === n + 1);
  }
  await worker.begin(gameID);
  // Bob moves first and is ignored; then Ada takes the left column.
  const moves = [[1, 8, ''], [0, 0, 'X'], [1, 1, 'XO'], [0, 3, 'XOX'], [1, 2, 'XOOX'], [0, 6, 'XOOXX']];
  for (const [who, cell, marks] of moves) {
    await until('the move is seen', () => {
      const there = () => games.length === 2 && games.every((game) => [...game.board].sort().join('') === [...marks].sort().join(''));
      if (!there()) tables[who].mark(cell);
      return there();
    });
  }
  assert.equal(games[0].winner, games[0].me);
  assert.equal(games[1].winner, games[0].me);
  await until('it is over', () => ends.length === 2);
  assert.deepEqual(ends, ['finished', 'finished']);
  let kept;
  await until('it is kept', async () => (kept = await worker.bot('GET', `archive/${gameID}`)).status === 200);
  assert.equal(kept.body.winner, games[0].me);
});
