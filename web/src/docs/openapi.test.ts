import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Document, curl, example, firstSentence, groups, typeWord } from './openapi'

// The committed document itself: the reference must be able to show all of it.
const document = JSON.parse(readFileSync(new URL('../../../docs/reference/openapi.json', import.meta.url), 'utf8')) as Document

describe('the API reference', () => {
  const all = groups(document).flatMap((group) => group.operations)

  it('shows every operation once', () => {
    const methods = ['get', 'post', 'put', 'patch', 'delete']
    const count = Object.values(document.paths).flatMap((path) => Object.keys(path).filter((key) => methods.includes(key))).length
    expect(all).toHaveLength(count)
    expect(new Set(all.map((o) => o.id)).size).toBe(count)
  })

  it('has a word for every type, and an example for every body', () => {
    for (const operation of all) {
      for (const parameter of operation.parameters) expect(typeWord(document, parameter.schema ?? {})).not.toBe('')
      if (operation.body !== undefined) expect(() => JSON.stringify(example(document, operation.body ?? {}))).not.toThrow()
      expect(curl(document, operation, 'http://x')).toContain(operation.path)
    }
  })

  it('ends a summary where its first sentence ends', () => {
    expect([firstSentence('One. Two.'), firstSentence('v1.2 of it'), firstSentence('Only')]).toEqual(['One', 'v1.2 of it', 'Only'])
  })
})
