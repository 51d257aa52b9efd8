// What a provider answers in place of an upgrade reaches the client as its other answers do: its status, its headers and its
// error, without the key that it may repeat. http-proxy would pass the bytes on unread.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { closingResponse } from '../listen/refuse.ts'
import { faultOfStatus } from '../providers/classify.ts'
import { answerHeaders, ResponseHeaderFilter } from '../providers/response-headers.ts'
import type { Scrubber } from '../stream/scrub.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'

/** An error is a few sentences; what is longer is passed on without a body. */
const BODY_BYTES_MAX = 64 * 1024

export interface RefusedUpgrade {
  response: IncomingMessage
  /** The client's; closed behind the answer. */
  socket: Socket
  record: RequestRecord
  scrubber: Scrubber
  /** For the whole body. */
  bodyMs: number
  /** Takes note of what it says of our key; throws a Refusal where the client must not hear of it. */
  note(status: number, rawHeaders: readonly string[], body: Buffer): void
}

/** Resolves when the answer is on its way, or nobody is there to get it. */
export async function relayRefusedUpgrade({
  response,
  socket,
  record,
  scrubber,
  bodyMs,
  note,
}: RefusedUpgrade): Promise<void> {
  const body = scrubber.bytes(await readBody(response, bodyMs))
  const status = response.statusCode ?? 502
  // Also for a client that has left: the key is not its own.
  note(status, response.rawHeaders, body)
  if (!socket.writable) return
  record.status = status
  record.fault = faultOfStatus(status)
  const headers = headersForClient(response, record, scrubber)
  socket.end(closingResponse(status, headers, body))
  // Not when the client closes its side, too: it need never do so.
  socket.destroySoon()
}

/** A flat list: what passes of the provider's, without the key, and Outrigger's own. Also for an answer that joins. */
export function headersForClient(response: IncomingMessage, record: RequestRecord, scrubber: Scrubber): string[] {
  const headers = answerHeaders(new ResponseHeaderFilter(), response.rawHeaders, record)
  scrubber.headers(headers)
  return headers
}

/** Empty when it is too long or too slow, breaks off, or is encoded, which would hide a key in it. */
async function readBody(response: IncomingMessage, limitMs: number): Promise<Buffer> {
  const limit = setTimeout(() => response.destroy(), limitMs)
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of response) {
      bytes += part.length
      if (bytes > BODY_BYTES_MAX) return Buffer.alloc(0)
      parts.push(part)
    }
  } catch {
    return Buffer.alloc(0)
  } finally {
    clearTimeout(limit)
  }
  return response.headers['content-encoding'] === undefined ? Buffer.concat(parts) : Buffer.alloc(0)
}
