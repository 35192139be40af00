// One match's socket: watches it, or plays it, and comes back when it is cut.

import { randomId } from '../kit/random'
import type { Intent, Player, Turn } from './api'

export interface SocketState {
  status: 'connecting' | 'live' | 'lost' | 'over'
  players: Player[]
  /** Who one is, when one plays. */
  me: string | undefined
  /** Every intent so far, with its turn. */
  done: { turn: number; intent: Intent }[]
  /** How many turns have come. */
  turns: number
  /** Why the server let go, when it did for good. */
  reason: string | undefined
}

const EMPTY: SocketState = { status: 'connecting', players: [], me: undefined, done: [], turns: 0, reason: undefined }
const AGAIN_MS = 1500
const PING_MS = 20_000

/** The secret by which one is known again in this match, from this browser. */
export function secretOf(match: string): string {
  const key = `ostler.match.${match}`
  const held = sessionStorage.getItem(key)
  if (held !== null) return held
  const fresh = randomId()
  sessionStorage.setItem(key, fresh)
  return fresh
}

/** Follows a match until closed. */
export class MatchSocket {
  private socket: WebSocket | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private beat: ReturnType<typeof setInterval> | undefined
  private isClosed = false
  state: SocketState = EMPTY

  /** Without a name it watches. */
  constructor(
    private readonly match: string,
    private readonly username: string | undefined,
    private readonly tell: () => void,
  ) {
    this.open()
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
    clearInterval(this.beat)
    this.socket?.close()
  }

  /** Does something in the game. */
  play(intent: { type: string } & Record<string, unknown>): void {
    this.say({ type: 'intent', intent })
  }

  /** Says who has won, as seen here. */
  vote(winner: string): void {
    this.say({ type: 'winner', winner, allPlayersStats: {} })
  }

  private say(frame: unknown): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame))
  }

  private set(part: Partial<SocketState>): void {
    this.state = { ...this.state, ...part }
    if (!this.isClosed) this.tell()
  }

  private open(): void {
    if (this.isClosed) return
    const url = new URL(`/api/v1/matches/${this.match}/socket`, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    if (this.username === undefined) {
      url.searchParams.set('watch', 'true')
      url.searchParams.set('from', String(this.state.turns))
    }
    const socket = new WebSocket(url)
    this.socket = socket
    socket.onopen = () => {
      if (this.username !== undefined) {
        const known = { gameID: this.match, token: secretOf(this.match) }
        // Whoever has turns already comes back to the seat; everybody else takes one.
        this.say(this.state.turns > 0 ? { type: 'rejoin', ...known, lastTurn: this.state.turns } : { type: 'join', ...known, username: this.username })
        this.beat = setInterval(() => this.say({ type: 'ping' }), PING_MS)
      }
      this.set({ status: 'live' })
    }
    socket.onmessage = (message) => this.read(String(message.data))
    socket.onclose = () => {
      clearInterval(this.beat)
      if (this.isClosed || this.state.status === 'over') return
      this.set({ status: 'lost' })
      this.timer = setTimeout(() => this.open(), AGAIN_MS)
    }
  }

  private read(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown> & { type: string }
    if (typeof frame.myClientID === 'string') this.set({ me: frame.myClientID })
    if (frame.type === 'lobby_info') {
      this.set({ players: (frame.lobby as { clients: Player[] }).clients })
    } else if (frame.type === 'start') {
      this.set({ players: (frame.gameStartInfo as { players: Player[] } | null)?.players ?? this.state.players })
      this.take(frame.turns as Turn[])
    } else if (frame.type === 'turn') {
      this.take([frame.turn as Turn])
    } else if (frame.type === 'error') {
      this.set({ status: 'over', reason: String(frame.error) })
    }
  }

  /** Adds turns in order; one that is here already changes nothing. */
  private take(turns: Turn[]): void {
    const fresh = turns.filter((turn) => turn.turnNumber >= this.state.turns)
    const last = fresh.at(-1)
    if (last === undefined) return
    const done = fresh.flatMap((turn) => turn.intents.map((intent) => ({ turn: turn.turnNumber, intent })))
    this.set({ turns: last.turnNumber + 1, done: done.length === 0 ? this.state.done : [...this.state.done, ...done] })
  }
}
