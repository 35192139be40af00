import { describe, expect, it } from 'vitest'
import { SseParser, pause } from './sse'

const all = (...pieces: string[]) => {
  const parser = new SseParser()
  return { parser, messages: pieces.flatMap((piece) => parser.feed(piece)) }
}

describe('the parser of server-sent events', () => {
  it('reads id, event and data', () => {
    const { messages } = all('id: 7\nevent: node.online\ndata: {"a":1}\n\n')
    expect(messages).toEqual([{ id: '7', event: 'node.online', data: '{"a":1}' }])
  })

  it('gives the same messages however the stream is cut', () => {
    const text = 'retry: 2000\r\nid: 1\r\ndata: a\r\ndata: b\r\n\r\n: still here\r\n\r\nid: 2\r\ndata: ü€\r\n\r\n'
    const whole = all(text).messages
    expect(whole.map((m) => m.data)).toEqual(['a\nb', 'ü€'])
    for (let cut = 1; cut < text.length; cut++) expect(all(text.slice(0, cut), text.slice(cut)).messages).toEqual(whole)
    expect(all(...text).messages).toEqual(whole)
  })

  it('remembers an id that comes without data', () => {
    const { parser, messages } = all('id: 12\n: still here\n\n')
    expect(messages).toEqual([])
    expect(parser.id).toBe('12')
  })

  it('ignores fields that it does not know and an id with a null', () => {
    const { messages } = all('wat: 1\nid: 3\u0000\ndata: x\n\n')
    expect(messages).toEqual([{ id: undefined, event: 'message', data: 'x' }])
  })
})

describe('the pause between tries', () => {
  it('grows, is bounded, and never is the same for everybody', () => {
    expect(pause(0, () => 0)).toBe(500)
    expect(pause(1, () => 0)).toBe(1000)
    expect(pause(50, () => 0)).toBe(15_000)
    expect(pause(50, () => 1)).toBe(20_000)
  })
})
