/**
 * A player's place in a match. It keeps the socket open, comes back when it breaks, and hands on every turn in order and
 * exactly once. It simulates nothing: what a turn means is the game's business.
 */
import type { ClientFrame, Desync, GameInfo, GameStartInfo, Intent, ServerFrame, Turn } from './frames.js';

/** As much of a WebSocket as is needed: the browser's, Node's own, or the one of the `ws` package. */
export interface SocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
}

/** `waiting`: the socket broke, and the next try comes by itself. `ended` is for good. */
export type State = 'connecting' | 'open' | 'waiting' | 'ended';

/** What the game hears. Only `turn` is needed. */
export interface Handlers<I extends Intent = Intent> {
  /** The next turn. Numbers count from 0 without gaps, unless `resync` says otherwise. */
  turn(turn: Turn<I>): void;
  /** The lobby changed. */
  lobby?(lobby: GameInfo, me: string): void;
  /** It starts in a moment: load the map. */
  prestart?(gameMap: string, gameMapSize: string): void;
  /** It runs. Comes once, before the first turn. */
  start?(info: GameStartInfo, me: string): void;
  /**
   * The server lost turns: go back to where the game was after the first `turns` of them; other ones follow. A game that
   * keeps no history begins anew and returns `0`, and gets every turn again. Without this handler the match ends here.
   */
  resync?(turns: number): 0 | void;
  /** The majority's simulation is another one. */
  desync?(desync: Desync): void;
  /** The connection changed. */
  state?(state: State): void;
  /** It is over for this player, and why: a close reason such as `finished`, or an error such as `kick_reason.admin`. */
  end?(reason: string, message: string): void;
}

export interface MatchOptions<I extends Intent = Intent> extends Handlers<I> {
  /** The worker's socket, `wss://HOST/wN`. */
  url: string;
  gameID: string;
  /** The player's secret: whoever has it has the place. Keep it for as long as the match. */
  token: string;
  username: string;
  clanTag?: string;
  /** Another WebSocket than the global one. */
  WebSocket?: new (url: string) => SocketLike;
  /** Milliseconds between two pings. A server that is silent for three of them is taken for dead. */
  heartbeatMs?: number;
  /** The first and the longest wait before another try, in milliseconds. */
  backoffMs?: [first: number, longest: number];
}

/** After these errors another try may work; all others are for good. */
const PASSING = new Set(['too-many-rejoins', 'try-again', 'kick_reason.no_join']);
/** Close reasons after which there is nothing to come back to. */
const FINAL = new Set(['finished', 'ended', 'creator_left', 'time_is_up', 'empty', 'replaced']);
const OPEN = 1;

/** Takes a place in a match. */
export function joinMatch<I extends Intent = Intent>(options: MatchOptions<I>): MatchClient<I> {
  return new MatchClient(options);
}

export class MatchClient<I extends Intent = Intent> {
  readonly #options: MatchOptions<I>;
  #socket: SocketLike | undefined;
  #state: State = 'connecting';
  #me = '';
  #turns = 0;
  #run: number | undefined;
  #hasStarted = false;
  #tries = 0;
  #heardAt = 0;
  #wantsLonger = false;
  #timers: { retry?: ReturnType<typeof setTimeout>; beat?: ReturnType<typeof setInterval> } = {};

  constructor(options: MatchOptions<I>) {
    this.#options = options;
    this.#connect();
  }

  /** How many turns the game has. */
  get turns(): number {
    return this.#turns;
  }
  /** The player's id; empty until the lobby or the start has said it. */
  get me(): string {
    return this.#me;
  }
  get state(): State {
    return this.#state;
  }

  /** Wants something to happen. False when nobody hears it now: it is not kept, because later it would mean something else. */
  act(intent: I): boolean {
    return this.#say({ type: 'intent', intent });
  }
  /** Says what the simulation looks like after a turn, so that one that goes its own way is found. */
  hash(hash: number, turnNumber: number): boolean {
    return this.#say({ type: 'hash', hash, turnNumber });
  }
  /** Says who won. The match ends when more than half of the players agree. */
  vote(winner: unknown, allPlayersStats: unknown = {}): boolean {
    return this.#say({ type: 'winner', winner, allPlayersStats });
  }
  /** A line for the operator's log. */
  log(log: string): boolean {
    return this.#say({ type: 'log', log });
  }
  /** Goes, for good. The place stays; another client with the same token can take it. */
  leave(): void {
    this.#end('left', '');
  }

  #say(frame: ClientFrame): boolean {
    if (this.#state !== 'open' || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #become(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.state?.(state);
  }

  #connect(): void {
    const Socket = this.#options.WebSocket ?? (globalThis.WebSocket as unknown as MatchOptions<I>['WebSocket']);
    if (!Socket) throw new Error('There is no WebSocket here: pass one as `WebSocket`, for example of the package `ws`.');
    this.#become('connecting');
    const socket = new Socket(this.#options.url);
    this.#socket = socket;
    // Whatever an older socket still says is about a connection that is no longer ours.
    const mine = <E>(act: (event: E) => void) => (event: never) => {
      if (this.#socket === socket) act(event as E);
    };
    socket.onopen = mine(() => {
      this.#become('open');
      this.#heardAt = Date.now();
      this.#hello();
      this.#timers.beat = setInterval(() => this.#beat(), this.#options.heartbeatMs ?? 15_000);
    });
    socket.onmessage = mine<{ data: unknown }>(({ data }) => {
      this.#heardAt = Date.now();
      this.#hear(JSON.parse(String(data)) as ServerFrame<I>);
    });
    socket.onclose = mine<{ reason?: unknown }>(({ reason }) => {
      const why = String(reason ?? '');
      if (FINAL.has(why)) this.#end(why, '');
      else this.#again();
    });
    // Not every WebSocket says `close` after an address that refuses.
    socket.onerror = mine(() => this.#again());
  }

  #hello(): void {
    const { gameID, token, username, clanTag } = this.#options;
    // A lobby forgets who leaves it, so before the start one joins again.
    if (!this.#hasStarted) this.#say({ type: 'join', gameID, token, username, ...(clanTag ? { clanTag } : {}) });
    else {
      const run = this.#run === undefined ? {} : { run: this.#run };
      this.#say({ type: 'rejoin', gameID, token, lastTurn: this.#turns, ...run });
    }
  }

  #hear(frame: ServerFrame<I>): void {
    switch (frame.type) {
      case 'lobby_info':
        this.#tries = 0;
        this.#me = frame.myClientID ?? this.#me;
        return this.#options.lobby?.(frame.lobby, this.#me);
      case 'prestart':
        return this.#options.prestart?.(frame.gameMap, frame.gameMapSize);
      case 'start':
        this.#tries = 0;
        this.#me = frame.myClientID ?? this.#me;
        this.#run = frame.run;
        if (!this.#hasStarted) {
          this.#hasStarted = true;
          this.#options.start?.(frame.gameStartInfo, this.#me);
        }
        return frame.turns.forEach((turn) => this.#take(turn));
      case 'turn':
        return this.#take(frame.turn);
      case 'resync':
        return this.#goBack(frame.lastTurn);
      case 'desync':
        return this.#options.desync?.(frame);
      case 'ping':
        return;
      case 'error':
        if (PASSING.has(frame.error)) this.#wantsLonger = frame.error === 'too-many-rejoins';
        else this.#end(frame.error, frame.message ?? '');
    }
  }

  #take(turn: Turn<I>): void {
    // The game may have left in an earlier turn of the same frame; and what comes twice was played once.
    if (this.#state === 'ended' || turn.turnNumber < this.#turns) return;
    if (turn.turnNumber > this.#turns) return this.#again();
    // Counted first: a game that fails in a turn must not get it a second time.
    this.#turns += 1;
    this.#options.turn(turn);
  }

  #goBack(turns: number): void {
    if (!this.#options.resync) return this.#end('turns-lost', 'The server lost turns that this player has seen.');
    const asked = this.#options.resync(turns);
    this.#turns = asked === 0 ? 0 : turns;
    // `start` with the turns from `turns` on is under way, and does not reach back to the first: ask again.
    if (asked === 0 && turns > 0) {
      this.#run = undefined;
      this.#again();
    }
  }

  #beat(): void {
    const silent = Date.now() - this.#heardAt;
    if (silent > 3 * (this.#options.heartbeatMs ?? 15_000)) this.#again();
    else this.#say({ type: 'ping' });
  }

  /** Lets the socket go and tries again, later and later, each at its own time: a crowd must not come back as one. */
  #again(): void {
    if (this.#state === 'ended') return;
    this.#drop();
    this.#become('waiting');
    const [first, longest] = this.#options.backoffMs ?? [250, 15_000];
    const most = this.#wantsLonger ? longest : Math.min(longest, first * 2 ** this.#tries);
    this.#wantsLonger = false;
    this.#tries = Math.min(this.#tries + 1, 16);
    this.#timers.retry = setTimeout(() => this.#connect(), most / 2 + (Math.random() * most) / 2);
  }

  #drop(): void {
    clearInterval(this.#timers.beat);
    clearTimeout(this.#timers.retry);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #end(reason: string, message: string): void {
    if (this.#state === 'ended') return;
    this.#drop();
    this.#become('ended');
    this.#options.end?.(reason, message);
  }
}
