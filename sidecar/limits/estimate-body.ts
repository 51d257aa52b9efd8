// How much text a JSON body holds, without parsing it: everything but long runs of base64, which are images, audio and files.
//
// A request with a picture of 2 MB is no prompt of half a million tokens; taken for one, it would be refused for good, since only
// an answer could teach otherwise. A run is looked for every 4 KiB and is base64 when 256 bytes are nothing else: words, other
// scripts (beyond ASCII) and their escapes end it at once, so text costs about ten steps per 4 KiB. Shorter runs count as text.
// PHP escapes slashes, and MIME's base64 comes in lines: `\/`, `\n` and `\r` end no run.

const STRIDE_BYTES = 4096
const RUN_BYTES = 256
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ESCAPED_IN_BASE64 = '/nr'
const IS_BASE64 = base64Bytes()

interface BodySize {
  textBytes: number
  /** Strings of base64. */
  blobs: number
}

/** `body` is a JSON document. */
export function measureBody(body: Buffer): BodySize {
  let blobs = 0
  let blobBytes = 0
  for (let at = STRIDE_BYTES; at < body.length; at += STRIDE_BYTES) {
    if (!isRunOfBase64(body, at)) continue
    const end = body.indexOf(QUOTE, at)
    if (end < 0) break
    blobs++
    blobBytes += end - body.lastIndexOf(QUOTE, at) - 1
    at = end
  }
  return { textBytes: body.length - blobBytes, blobs }
}

function isRunOfBase64(body: Buffer, from: number): boolean {
  const to = from + RUN_BYTES
  if (to > body.length) return false
  for (let at = from; at < to; at++) {
    if (IS_BASE64[body[at] as number] === 0 && !isEscapeInBase64(body, at)) return false
  }
  return true
}

/** What is escaped is a byte of base64 by itself. */
function isEscapeInBase64(body: Buffer, at: number): boolean {
  return body[at] === BACKSLASH && ESCAPED_IN_BASE64.includes(String.fromCharCode(body[at + 1] ?? 0))
}

function base64Bytes(): Uint8Array {
  const bytes = new Uint8Array(256)
  for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_')) bytes[byte] = 1
  return bytes
}
