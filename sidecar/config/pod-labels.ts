const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}

/** One escape of a Go string literal (https://go.dev/ref/spec#String_literals), as far as strconv.Quote writes them. */
const ESCAPE = /\\(?:([abfnrtv\\"])|x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))/g

const LINE = new RegExp(`^([^="]+)="((?:[^"\\\\]|${ESCAPE.source})*)"$`)

/**
 * The pod's labels as the kubelet writes them into a downwardAPI volume: `key="value"` per line, the value quoted as Go
 * quotes (k8s.io/kubernetes/pkg/fieldpath, FormatMap). No line: no labels. The problem does not repeat the line.
 */
export function parsePodLabels(text: string): { labels: Readonly<Record<string, string>> } | { problem: string } {
  const entries: [key: string, value: string][] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue
    const [, key, quoted] = LINE.exec(line) ?? []
    if (key === undefined || quoted === undefined) return { problem: `line ${index + 1}: expected key="value"` }
    entries.push([key, unquoted(quoted)])
  }
  return { labels: Object.fromEntries(entries) }
}

function unquoted(text: string): string {
  return text.replace(ESCAPE, (_, letter?: string, byte?: string, short?: string, long?: string) => {
    if (letter !== undefined) return ESCAPES[letter] ?? letter
    // A byte above ASCII is one that was no UTF-8.
    if (byte !== undefined) return byte < '80' ? String.fromCharCode(Number.parseInt(byte, 16)) : '\ufffd'
    return String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16))
  })
}
