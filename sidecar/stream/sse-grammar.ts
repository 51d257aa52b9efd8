// The grammar of server-sent events, as far as a proxy needs it: where an event ends, and what one says.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//
// A line ends with LF, CR or CRLF, mixed at will; an empty line ends the event. Nothing else is a line end, U+2028
// least of all. A CR may be half of a CRLF whose LF is still to come, which is why an end is looked for twice: in bytes,
// where the rest may be missing, and in text of which only whole events are left.

const LF = 0x0a
const CR = 0x0d
/** U+FEFF in UTF-8, read as latin1; legal before the first event only. */
export const BYTE_ORDER_MARK = '\xef\xbb\xbf'

export interface SseEvent {
  /** Of the last `event:` line, '' when there was none. */
  name: string
  /** The `data:` lines joined by LF; UTF-8 bytes as latin1, one character per byte. */
  data: string
}

/**
 * Whether an event ends before offset `end` of `bytes`, which begin where an event begins.
 *
 * LF CR as the last two bytes is no end yet: the blank line of a CRLF stream was cut, and its LF belongs to this event.
 * After CR CR the stream uses bare CRs, nothing needs to follow, and waiting would hold an event back for no reason.
 */
export function endsEvent(bytes: Buffer, end: number): boolean {
  const last = bytes[end - 1]
  const before = bytes[end - 2]
  if (last === LF) {
    if (before !== CR) return before === LF || end === 1
    return end === 2 || bytes[end - 3] === LF || bytes[end - 3] === CR
  }
  if (last !== CR) return false
  return before === CR || end === 1 || (before === LF && end < bytes.length)
}

/** End of the last whole event of `bytes`, at or behind `from`; 0 when none ends there. `bytes` begin with an event. */
export function lastEventEnd(bytes: Buffer, from: number): number {
  const skipped = Math.max(0, from - 1)
  const recent = bytes.subarray(skipped)
  let lf = recent.lastIndexOf(LF)
  let cr = recent.lastIndexOf(CR)
  while (lf >= 0 || cr >= 0) {
    const at = Math.max(lf, cr)
    if (endsEvent(bytes, skipped + at + 1)) return skipped + at + 1
    const next = at === 0 ? -1 : recent.lastIndexOf(at === lf ? LF : CR, at - 1)
    if (at === lf) lf = next
    else cr = next
  }
  return 0
}

/** End of the event that begins at `from`, in text that holds whole events. A stray blank line is an event of its own. */
export function eventEnd(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === LF) return from + 1
  if (first === CR) return text.charCodeAt(from + 1) === LF ? from + 2 : from + 1
  return blankLineEnd(text, from)
}

/** End of the first blank line behind `from`, which may lie anywhere inside an event; the text's length if none. */
export function blankLineEnd(text: string, from: number): number {
  const blankLine = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/g
  blankLine.lastIndex = from
  return blankLine.test(text) ? blankLine.lastIndex : text.length
}

/** The events of a text that holds whole ones. */
export function readEvents(text: string): SseEvent[] {
  const events: SseEvent[] = []
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = eventEnd(text, at)
    events.push(readEvent(text.slice(at, end)))
  }
  return events
}

/**
 * Reads one event. A bare JSON object in an event's place is taken for its data: Google reports an error that happens in
 * mid-stream without any `data:`.
 */
export function readEvent(text: string): SseEvent {
  let name = ''
  let data: string | undefined
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    if (field !== 'data' && field !== 'event') continue
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    if (field === 'event') name = value
    else data = data === undefined ? value : `${data}\n${value}`
  }
  if (data === undefined) data = text.trimStart().startsWith('{') ? text : ''
  return { name, data }
}
