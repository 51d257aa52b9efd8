// The framing of `application/vnd.amazon.eventstream`: where a frame ends, what it says, and how one is written.
// https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
//
// Big-endian: total length, length of the headers, CRC-32 of those 8 bytes, headers, payload, CRC-32 of all before. A frame whose
// checksums do not fit says nothing, and neither does anything behind it, for its length was part of what was damaged.
import { crc32 } from 'node:zlib'

/** Both lengths and their checksum: enough to know how long a frame is. */
export const FRAME_PRELUDE_BYTES = 12
const CHECKSUM_BYTES = 4
const OVERHEAD_BYTES = FRAME_PRELUDE_BYTES + CHECKSUM_BYTES
/** What AWS's own decoders take: 128 KiB of headers, 24 MiB of payload. */
const HEADERS_BYTES_MAX = 128 * 1024
const FRAME_BYTES_MAX = 24 * 1024 * 1024 + HEADERS_BYTES_MAX + OVERHEAD_BYTES

export interface Frame {
  /** Those whose value is a string, which all are that an API sends; names begin with a colon where the protocol has them. */
  headers: ReadonlyMap<string, string>
  /** A view. */
  payload: Buffer
}

/** How many bytes the frame has that begins at `at`, of which the first 12 are there; undefined when its prelude is damaged. */
export function frameBytes(bytes: Buffer, at: number): number | undefined {
  const total = bytes.readUInt32BE(at)
  const headers = bytes.readUInt32BE(at + 4)
  if (bytes.readUInt32BE(at + 8) !== crc32(bytes.subarray(at, at + 8))) return undefined
  const fits = headers <= HEADERS_BYTES_MAX && total >= headers + OVERHEAD_BYTES && total <= FRAME_BYTES_MAX
  return fits ? total : undefined
}

/** Reads one whole frame, whose prelude is sound; undefined when the rest is damaged. */
export function readFrame(bytes: Buffer): Frame | undefined {
  const end = bytes.length - CHECKSUM_BYTES
  if (bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end))) return undefined
  const payloadAt = FRAME_PRELUDE_BYTES + bytes.readUInt32BE(4)
  const headers = readHeaders(bytes.subarray(FRAME_PRELUDE_BYTES, payloadAt))
  return headers && { headers, payload: bytes.subarray(payloadAt, end) }
}

/** Frames of what `EventStreamReader` released; undefined for a piece of one that was too large to be held, and then no more. */
export function* framesOf(bytes: Buffer): Generator<Frame | undefined> {
  for (let at = 0; at < bytes.length; ) {
    const total = bytes.length - at < FRAME_PRELUDE_BYTES ? undefined : frameBytes(bytes, at)
    const frame =
      total === undefined || at + total > bytes.length ? undefined : readFrame(bytes.subarray(at, at + total))
    yield frame
    if (frame === undefined || total === undefined) return
    at += total
  }
}

const TYPE_BYTES = 6
const TYPE_STRING = 7
/** Bytes of a value by its type: true, false, byte, short, integer, long; timestamp, uuid. The two between tell their length. */
const VALUE_BYTES: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]

/** Undefined when they are not what the protocol says, which no checksum shows. */
function readHeaders(bytes: Buffer): Map<string, string> | undefined {
  const headers = new Map<string, string>()
  let at = 0
  while (at < bytes.length) {
    const typeAt = at + 1 + (bytes[at] as number)
    const type = bytes[typeAt] as number
    const counted = type === TYPE_BYTES || type === TYPE_STRING
    const valueAt = typeAt + (counted ? 3 : 1)
    if (valueAt > bytes.length) return undefined
    const length = counted ? bytes.readUInt16BE(typeAt + 1) : VALUE_BYTES[type]
    if (length === undefined || valueAt + length > bytes.length) return undefined
    if (type === TYPE_STRING) {
      headers.set(bytes.toString('utf8', at + 1, typeAt), bytes.toString('utf8', valueAt, valueAt + length))
    }
    at = valueAt + length
  }
  return headers
}

/** A frame with headers of strings, each name and value of at most 255 bytes. */
export function writeFrame(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const head = Buffer.concat(Object.entries(headers).flatMap(([name, value]) => writeHeader(name, value)))
  const frame = Buffer.alloc(head.length + payload.length + OVERHEAD_BYTES)
  frame.writeUInt32BE(frame.length, 0)
  frame.writeUInt32BE(head.length, 4)
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8)
  head.copy(frame, FRAME_PRELUDE_BYTES)
  payload.copy(frame, FRAME_PRELUDE_BYTES + head.length)
  const end = frame.length - CHECKSUM_BYTES
  frame.writeUInt32BE(crc32(frame.subarray(0, end)), end)
  return frame
}

function writeHeader(name: string, value: string): Buffer[] {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)]
  return [
    Buffer.from([nameBytes.length]),
    nameBytes,
    Buffer.from([TYPE_STRING, valueBytes.length >> 8, valueBytes.length & 0xff]),
    valueBytes,
  ]
}
