export { joinMatch, MatchClient } from './client.js';
export type { Handlers, MatchOptions, SocketLike, State } from './client.js';
export type {
  Client, ClientFrame, Desync, GameInfo, GameStartInfo, Intent, ServerFrame, Stamped, Turn,
} from './frames.js';
