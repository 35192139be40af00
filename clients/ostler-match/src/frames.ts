/** What goes over a match's socket, as JSON text frames. Names are the protocol's. */

/** One player, as everybody sees them. */
export interface Client {
  clientID: string;
  username: string;
  clanTag?: string;
}

/** A match in its lobby. */
export interface GameInfo {
  gameID: string;
  clients: Client[];
  numClients: number;
  startsAt?: number;
  msUntilStart?: number;
  gameConfig: Record<string, unknown>;
}

/** What every player gets to know at the start; the same for all. */
export interface GameStartInfo {
  gameID: string;
  config: Record<string, unknown>;
  players: Client[];
}

/** What a player wants to do: the title says which fields there are. */
export interface Intent {
  type: string;
}

/** An intent with its sender, as the server stamped it: a player's id, or `ADMINBOT`. */
export type Stamped<I extends Intent = Intent> = (I | RelayIntent) & { clientID: string };

/** What the relay itself puts into turns, in every title. */
export type RelayIntent =
  | { type: 'toggle_pause'; paused: boolean }
  | { type: 'mark_disconnected'; isDisconnected: boolean };

/** One closed turn: what happens next, for everybody. */
export interface Turn<I extends Intent = Intent> {
  turnNumber: number;
  intents: Stamped<I>[];
}

/** Your simulation went its own way. */
export interface Desync {
  turn: number;
  /** `null` when no hash has a majority. */
  correctHash: number | null;
  clientsWithCorrectHash: number;
  totalActiveClients: number;
  yourHash?: number;
}

export type ServerFrame<I extends Intent = Intent> =
  | { type: 'lobby_info'; lobby: GameInfo; myClientID?: string }
  | { type: 'prestart'; gameMap: string; gameMapSize: string }
  | {
      type: 'start';
      turns: Turn<I>[];
      gameStartInfo: GameStartInfo;
      lobbyCreatedAt: number;
      myClientID?: string;
      run?: number;
    }
  | { type: 'resync'; lastTurn: number }
  | { type: 'turn'; turn: Turn<I> }
  | ({ type: 'desync' } & Desync)
  | { type: 'ping' }
  | { type: 'error'; error: string; message?: string };

export type ClientFrame =
  | { type: 'join'; gameID: string; token: string; username: string; clanTag?: string }
  | { type: 'rejoin'; gameID: string; token: string; lastTurn: number; run?: number }
  | { type: 'intent'; intent: Intent }
  | { type: 'ping' }
  | { type: 'hash'; hash: number; turnNumber: number }
  | { type: 'winner'; winner: unknown; allPlayersStats: unknown }
  | { type: 'log'; log: string };
