// The console's socket: lines in order, no line twice, and a way to type.

import { api, ok } from '../api/client'
import type { ConsoleFrame, ConsoleLine } from '../api/types'
import { pause } from '../sse'

export interface ConsoleState {
  lines: ConsoleLine[]
  status: 'connecting' | 'live' | 'lost'
  /** Why the last command did not arrive. */
  refusal: string | undefined
}

/** Lines kept in the page; the node keeps its own ring. */
export const LINES_MOST = 10_000

/** Lines that render as one piece. What is forgotten is forgotten in whole pieces, so that no other has to render again. */
export const BLOCK = 100

/** A program that talks without end is shown ten times a second: nobody reads faster, and the page stays quick. */
const SHOW_MS = 100

/** Adds lines that are new, in order, and forgets the oldest. The same array when nothing was new. */
export function append(held: ConsoleLine[], fresh: ConsoleLine[]): ConsoleLine[] {
  const last = held.at(-1)?.seq ?? -1
  const added = fresh.filter((line) => line.seq > last)
  if (added.length === 0) return held
  const all = [...held, ...added]
  if (all.length <= LINES_MOST) return all
  const cut = Math.ceil(((all[all.length - LINES_MOST] as ConsoleLine).seq + 1) / BLOCK) * BLOCK
  return all.slice(all.findIndex((line) => line.seq >= cut))
}

/** Follows one workload's console until closed. */
export class ConsoleSocket {
  private socket: WebSocket | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private failures = 0
  private isClosed = false
  private queue: ConsoleLine[] = []
  private showing: ReturnType<typeof setTimeout> | undefined
  private shownAt = -SHOW_MS
  state: ConsoleState = { lines: [], status: 'connecting', refusal: undefined }

  constructor(
    private readonly workload: string,
    private readonly tell: () => void,
  ) {
    void this.open()
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
    clearTimeout(this.showing)
    this.socket?.close()
  }

  /** Types a line. Over the socket while it is up, by a request otherwise. */
  send(command: string): void {
    this.set({ refusal: undefined })
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: 'command', command }))
      return
    }
    ok(api.POST('/api/v1/workloads/{workload}/console/command', { params: { path: { workload: this.workload } }, body: { command } })).catch(
      (error: unknown) => this.set({ refusal: error instanceof Error ? error.message : String(error) }),
    )
  }

  private set(part: Partial<ConsoleState>): void {
    this.state = { ...this.state, ...part }
    if (!this.isClosed) this.tell()
  }

  private open(): void {
    if (this.isClosed) return
    const url = new URL(`/api/v1/workloads/${this.workload}/console`, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const last = this.state.lines.at(-1)?.seq
    if (last !== undefined) url.searchParams.set('after', String(last))
    const socket = new WebSocket(url)
    this.socket = socket
    socket.onopen = () => {
      this.failures = 0
      this.set({ status: 'live' })
    }
    socket.onmessage = (message) => this.take(String(message.data))
    socket.onclose = () => {
      if (this.isClosed || this.socket !== socket) return
      this.set({ status: 'lost' })
      this.timer = setTimeout(() => this.open(), pause(this.failures++))
    }
  }

  private take(text: string): void {
    let frame: ConsoleFrame
    try {
      frame = JSON.parse(text) as ConsoleFrame
    } catch {
      return
    }
    if (frame.type === 'refused') this.set({ refusal: frame.message })
    if (frame.type !== 'lines') return
    this.queue.push(...frame.lines)
    // What would be forgotten at once need not wait in a tab that nobody looks at.
    if (this.queue.length > 2 * LINES_MOST) this.queue = this.queue.slice(-LINES_MOST)
    this.showing ??= setTimeout(() => this.show(), Math.max(0, this.shownAt + SHOW_MS - performance.now()))
  }

  private show(): void {
    this.showing = undefined
    this.shownAt = performance.now()
    const lines = append(this.state.lines, this.queue)
    this.queue = []
    if (lines !== this.state.lines) this.set({ lines })
  }
}
