// The baseline: a lockstep relay as one would write it with `ws`, and nothing more. It keeps turns in memory for
// nobody, checks nothing, writes no journal. Usage: node relay.js; prints its address.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const TURN_MS = 100;
const matches = new Map();

const http = createServer((request, response) => {
  const [, , , what, id] = request.url.split('?')[0].split('/');
  request.resume();
  if (what === 'create_game') {
    const gameID = String(matches.size).padStart(8, '0');
    matches.set(gameID, { sockets: [], intents: [], turns: 0 });
    return response.end(JSON.stringify({ gameID, workerPath: 'w0' }));
  }
  const game = matches.get(id);
  start(game, id);
  response.end('{}');
});

function start(game, gameID) {
  const players = game.sockets.map((_, n) => ({ clientID: `player${n}`, username: `player${n}` }));
  tell(game, { type: 'start', turns: [], gameStartInfo: { gameID, config: {}, players } });
  setInterval(() => {
    const turn = { turnNumber: game.turns++, intents: game.intents };
    game.intents = [];
    tell(game, { type: 'turn', turn });
  }, TURN_MS);
}

function tell(game, frame) {
  // Written once for all, as a buffer: `ws` would encode a string for each socket again.
  const text = Buffer.from(JSON.stringify(frame));
  for (const socket of game.sockets) socket.send(text, { binary: false });
}

new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket) => {
  let game;
  let clientID;
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.type === 'join') {
      game = matches.get(frame.gameID);
      clientID = `player${game.sockets.push(socket) - 1}`;
      socket.send(JSON.stringify({ type: 'lobby_info', myClientID: clientID }));
    } else if (frame.type === 'intent') {
      game.intents.push({ ...frame.intent, clientID });
    } else if (frame.type === 'ping') {
      socket.send('{"type":"ping"}');
    }
  });
});

http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}`));
