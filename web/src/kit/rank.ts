// Finding by a few letters: whole beginnings first, then beginnings of words, then anywhere.

/** Those that match every word of `text`, best first; all in their order when there is no text. */
export function rank<T>(items: T[], text: string, of: (item: T) => { main: string; more: string }): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return items
  const scored: { item: T; score: number }[] = []
  for (const item of items) {
    const { main, more } = of(item)
    const score = total(words, main.toLowerCase(), more.toLowerCase())
    if (score > 0) scored.push({ item, score })
  }
  return scored.sort((a, b) => b.score - a.score).map(({ item }) => item)
}

function total(words: string[], main: string, more: string): number {
  let sum = 0
  for (const word of words) {
    const score = main.startsWith(word) ? 8 : main.includes(` ${word}`) ? 4 : main.includes(word) ? 2 : more.includes(word) ? 1 : 0
    if (score === 0) return 0
    sum += score
  }
  return sum
}
