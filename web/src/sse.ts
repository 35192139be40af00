// Server-sent events over fetch: unlike EventSource it shows status codes, and resumes where we say.

export interface Message {
  id: string | undefined
  event: string
  data: string
}

/** Splits a stream of text into messages, by the rules of the HTML standard. Feed it pieces of any size. */
export class SseParser {
  private rest = ''
  private data: string[] = []
  private event = ''
  /** The newest id; comes alone on quiet streams. */
  id: string | undefined
  /** What the server asked for with `retry:`, in milliseconds. */
  retry: number | undefined

  feed(text: string): Message[] {
    const out: Message[] = []
    const all = this.rest + text
    // A piece may end between CR and LF: the CR waits for the next one.
    const lines = all.split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = this.line(line)
      if (message !== undefined) out.push(message)
    }
    return out
  }

  private line(line: string): Message | undefined {
    if (line === '') return this.dispatch()
    if (line.startsWith(':')) return undefined
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.event = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return undefined
  }

  private dispatch(): Message | undefined {
    const { data, event } = this
    this.data = []
    this.event = ''
    if (data.length === 0) return undefined
    return { id: this.id, event: event === '' ? 'message' : event, data: data.join('\n') }
  }
}

export interface StreamOptions {
  url: string
  /** Sent as `Last-Event-ID`, so that nothing is missed. */
  lastEventId?: string | undefined
  signal: AbortSignal
  onOpen: () => void
  onMessage: (message: Message) => void
  /** The newest id, also when nothing came with it: where to resume on a quiet stream. */
  onId?: (id: string) => void
  /** Nothing at all for this long means that the connection is dead. Servers send comments as a heartbeat. */
  silenceMs: number
}

/** A stream that was refused, with its status. */
export class StreamRefused extends Error {
  constructor(readonly status: number) {
    super(`the stream was refused with ${status}`)
  }
}

/** Follows a stream to its end. Returns when the server ends it; throws when it breaks or is refused. */
export async function follow(options: StreamOptions): Promise<void> {
  const control = new AbortController()
  const stop = () => control.abort()
  options.signal.addEventListener('abort', stop, { once: true })
  let timer = setTimeout(stop, options.silenceMs)
  const alive = () => {
    clearTimeout(timer)
    timer = setTimeout(stop, options.silenceMs)
  }
  try {
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (options.lastEventId !== undefined) headers['Last-Event-ID'] = options.lastEventId
    const response = await fetch(options.url, { headers, signal: control.signal, credentials: 'same-origin', cache: 'no-store' })
    if (!response.ok || response.body === null) throw new StreamRefused(response.status)
    alive()
    options.onOpen()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new SseParser()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      alive()
      for (const message of parser.feed(value)) options.onMessage(message)
      if (parser.id !== undefined) options.onId?.(parser.id)
    }
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
    control.abort()
  }
}

/** The pause before the next try: doubles from half a second to 15 seconds, plus up to a third at random. */
export function pause(failures: number, random: () => number = Math.random): number {
  const base = Math.min(500 * 2 ** Math.min(failures, 10), 15_000)
  return base + (base / 3) * random()
}

/** Follows a stream for as long as `signal` lives, and connects again whenever it ends. */
export async function followForever(
  options: Omit<StreamOptions, 'lastEventId' | 'onOpen'> & {
    onOpen?: () => void
    onLost?: (refused: number | undefined) => void
    resume?: () => string | undefined
  },
): Promise<void> {
  let failures = 0
  while (!options.signal.aborted) {
    let refused: number | undefined
    try {
      await follow({
        ...options,
        lastEventId: options.resume?.(),
        onOpen: () => {
          failures = 0
          options.onOpen?.()
        },
      })
    } catch (error) {
      if (error instanceof StreamRefused) refused = error.status
    }
    if (options.signal.aborted) return
    options.onLost?.(refused)
    // Who may not follow now will not be allowed to in a second either.
    if (refused === 401 || refused === 403 || refused === 404) return
    await sleep(pause(failures++), options.signal)
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const wake = () => {
      clearTimeout(timer)
      resolve()
    }
    signal.addEventListener('abort', wake, { once: true })
    // Back online or back in front: try at once.
    window.addEventListener('online', wake, { once: true })
  })
}
