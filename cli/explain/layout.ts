// Text for a terminal: lines of at most so many characters, and columns that stand under each other.

export const WIDTH = 100
const GAP = '  '
/** A column is not made narrower than this. */
const COLUMN_MIN = 6

export interface Column {
  title: string
  align: 'left' | 'right'
  /** Made narrower when the line is too long; its cells go on in the next line then. */
  width: 'Fixed' | 'Flexible'
}

/** Words over lines of `width`; a word that is longer is broken. Never empty. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap((one) => pieces(one, width))) {
    if (line === '') line = word
    else if (line.length + 1 + word.length <= width) line += ` ${word}`
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/** `label   text`, with what does not fit under the text. */
export function labelled(label: string, text: string, indent: number): string {
  const [first = '', ...rest] = wrapped(text, WIDTH - indent)
  return [`${label.padEnd(indent)}${first}`, ...rest.map((line) => `${' '.repeat(indent)}${line}`)].join('\n')
}

/** The head and a block of lines per row, each at most `width` wide. A row has as many cells as there are columns. */
export function columns(
  table: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): { head: string; blocks: string[] } {
  const widths = widthsOf(table, rows, width)
  const block = (cells: readonly string[]): string => {
    const broken = cells.map((cell, i) => pieces(cell, widths[i] as number))
    const height = Math.max(...broken.map((lines) => lines.length))
    return Array.from({ length: height }, (_, line) =>
      table
        .map(({ align }, i) => aligned(broken[i]?.[line] ?? '', widths[i] as number, align))
        .join(GAP)
        .trimEnd(),
    ).join('\n')
  }
  return { head: block(table.map(({ title }) => title)), blocks: rows.map(block) }
}

function widthsOf(table: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = table.map(({ title }, i) => Math.max(title.length, ...rows.map((cells) => (cells[i] ?? '').length)))
  const room = width - GAP.length * (table.length - 1)
  const total = (): number => widths.reduce((sum, one) => sum + one, 0)
  while (total() > room) {
    const widest = widestFlexible(table, widths)
    if (widest === undefined) break
    widths[widest] = (widths[widest] as number) - 1
  }
  return widths
}

function widestFlexible(table: readonly Column[], widths: readonly number[]): number | undefined {
  let widest: number | undefined
  for (const [i, width] of widths.entries()) {
    if (table[i]?.width !== 'Flexible' || width <= COLUMN_MIN) continue
    if (widest === undefined || width > (widths[widest] as number)) widest = i
  }
  return widest
}

function aligned(text: string, width: number, align: Column['align']): string {
  return align === 'left' ? text.padEnd(width) : text.padStart(width)
}

function pieces(text: string, width: number): string[] {
  if (text.length <= width) return [text]
  return Array.from({ length: Math.ceil(text.length / width) }, (_, i) => text.slice(i * width, (i + 1) * width))
}

/** `310 ms`, `1.80 s`, `2 m 5 s`. */
export function span(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} m ${seconds % 60} s`
}
