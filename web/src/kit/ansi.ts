// Colours in console output: the escape sequences that programs really send become spans; all others vanish.

export interface Piece {
  text: string
  /** Class names from `console.css`-like tokens, for example `ansi-red ansi-bold`. */
  classes: string
}

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
// CSI (with its final byte), OSC up to BEL or ST, and two-character escapes.
const ESCAPE = /\u001b(?:\[([0-9;:?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g

interface Style {
  colour: string | undefined
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
}

const PLAIN: Style = { colour: undefined, bold: false, dim: false, italic: false, underline: false }

/** The line cut where its style changes. */
export function pieces(line: string): Piece[] {
  if (!line.includes('\u001b')) return [{ text: line.replace(CONTROL, ''), classes: '' }]
  const out: Piece[] = []
  let style = PLAIN
  let from = 0
  const push = (text: string) => {
    const clean = text.replace(CONTROL, '')
    if (clean !== '') out.push({ text: clean, classes: classes(style) })
  }
  for (const found of line.matchAll(ESCAPE)) {
    push(line.slice(from, found.index))
    from = found.index + found[0].length
    if (found[2] === 'm') style = apply(style, found[1] ?? '')
  }
  push(line.slice(from))
  return out
}

function apply(style: Style, codes: string): Style {
  let next = { ...style }
  const list = codes.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)))
  for (let i = 0; i < list.length; i++) {
    const code = list[i] ?? 0
    if (code === 0) next = { ...PLAIN }
    else if (code === 1) next.bold = true
    else if (code === 2) next.dim = true
    else if (code === 3) next.italic = true
    else if (code === 4) next.underline = true
    else if (code === 22) next = { ...next, bold: false, dim: false }
    else if (code === 23) next.italic = false
    else if (code === 24) next.underline = false
    else if (code >= 30 && code <= 37) next.colour = NAMES[code - 30]
    else if (code >= 90 && code <= 97) next.colour = NAMES[code - 90]
    else if (code === 39) next.colour = undefined
    else if (code === 38 || code === 48) {
      // 256 colours and true colour: the first sixteen are named, the rest would not be readable on both themes.
      const mode = list[i + 1]
      const index = list[i + 2]
      if (code === 38 && mode === 5 && index !== undefined && index < 16) next.colour = NAMES[index % 8]
      i += mode === 5 ? 2 : mode === 2 ? 4 : 0
    }
  }
  return next
}

function classes(style: Style): string {
  const out: string[] = []
  if (style.colour !== undefined) out.push(`ansi-${style.colour}`)
  if (style.bold) out.push('font-semibold')
  if (style.dim) out.push('opacity-70')
  if (style.italic) out.push('italic')
  if (style.underline) out.push('underline')
  return out.join(' ')
}
