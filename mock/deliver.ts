// Puts an Answer on the wire the way the behaviour asks: late, slowly, in pieces, cut off, or never. Every wait ends at once
// when `signal` aborts (the client went away, or the mock closes); deliver then rejects with an AbortError.
// Ending the body is a second step, endBody, so that the record knows of a cut before the socket closes.
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import type { Behaviour } from './behaviours.ts'
import type { Answer, StreamEvent, UnaryAnswer } from './call.ts'
import { type Encoder, gzipEncoder, identityEncoder } from './encoding.ts'
import type { JsonObject } from './json.ts'
import type { Bill } from './ledger.ts'
import type { AnswerHeaders } from './provider-headers.ts'

export interface Delivery {
  readonly answer: Answer
  readonly headers: AnswerHeaders
  readonly behaviour: Behaviour
  /** The body of the error that `error-in-stream` sends. */
  readonly streamError: JsonObject
}

/** `cut`: the body was ended on purpose, by the behaviour. `failed`: it ended with an error in the stream. */
export type Outcome = 'complete' | 'cut' | 'failed'

export interface Delivering {
  readonly signal: AbortSignal
  /** Where it is accounted for, if it is. */
  readonly bill: Bill | undefined
}

export async function deliver(
  response: ServerResponse,
  delivery: Delivery,
  { signal, bill }: Delivering,
): Promise<Outcome> {
  const { behaviour } = delivery
  if (behaviour.headDelayMs > 0) await sleep(behaviour.headDelayMs, undefined, { signal })
  if (behaviour.stallAfterEvents === 'head') await forever(signal)
  if (behaviour.earlyHints) await sendEarlyHints(response)
  writeHead(response, delivery)
  const encoder = behaviour.gzip ? gzipEncoder() : identityEncoder()
  try {
    return await writeBody(new Body(response, encoder, behaviour), delivery, { signal, bill })
  } finally {
    encoder.close()
  }
}

async function writeBody(body: Body, delivery: Delivery, { signal, bill }: Delivering): Promise<Outcome> {
  const { answer, behaviour, streamError } = delivery
  const events = answer.kind === 'stream' ? answer.events : [documentOf(answer)]
  let sent = 0
  for (const event of events) {
    if (await stopsAfter(sent, behaviour, signal)) return 'cut'
    if (sent > 0 && behaviour.chunkDelayMs > 0) await sleep(behaviour.chunkDelayMs, undefined, { signal })
    if (answer.kind === 'stream' && behaviour.errorAfterEvents === sent) {
      return (await body.finish(answer.frameError(streamError, sent))) === 'cut' ? 'cut' : 'failed'
    }
    bill?.sending(event)
    if ((await body.write(event.text)) === 'cut') return 'cut'
    bill?.sent(event)
    sent += 1
  }
  return (await stopsAfter(sent, behaviour, signal)) ? 'cut' : body.finish('')
}

/** What the model wrote stands among the JSON, so all of it counts; in a list of vectors it wrote nothing. */
function documentOf({ body, told }: UnaryAnswer): StreamEvent {
  const wrote = told !== undefined && told.outputTokens > 0 ? body : ''
  return { text: body, wrote, ...(told && { told }) }
}

/** Stalls for ever, or says that the body is to be cut here. */
async function stopsAfter(sent: number, behaviour: Behaviour, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  if (behaviour.stallAfterEvents === sent) await forever(signal)
  return behaviour.cutAfterEvents === sent
}

class Body {
  readonly #response: ServerResponse
  readonly #encoder: Encoder
  readonly #pieceBytes: number
  #bytesLeft: number

  constructor(response: ServerResponse, encoder: Encoder, behaviour: Behaviour) {
    this.#response = response
    this.#encoder = encoder
    this.#pieceBytes = behaviour.chunkBytes ?? Number.POSITIVE_INFINITY
    this.#bytesLeft = behaviour.cutAfterBytes ?? Number.POSITIVE_INFINITY
  }

  async write(text: string): Promise<Outcome> {
    return this.#send(await this.#encoder.encode(Buffer.from(text)))
  }

  async finish(text: string): Promise<Outcome> {
    if (text !== '' && (await this.write(text)) === 'cut') return 'cut'
    return this.#send(await this.#encoder.finish())
  }

  async #send(bytes: Buffer): Promise<Outcome> {
    const kept = bytes.subarray(0, Math.min(bytes.length, this.#bytesLeft))
    for (let at = 0; at < kept.length; at += this.#pieceBytes) {
      await writeThrough(this.#response, kept.subarray(at, at + this.#pieceBytes))
    }
    this.#bytesLeft -= kept.length
    return this.#bytesLeft > 0 ? 'complete' : 'cut'
  }
}

/** Resolves when the bytes were handed to the kernel: so nothing is lost by a cut, and pieces stay apart. */
function writeThrough(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function writeHead(response: ServerResponse, { answer, headers, behaviour }: Delivery): void {
  const { gzip, noLength, trailers, cut } = behaviour
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (answer.kind === 'stream') response.setHeader('cache-control', 'no-cache')
  if (answer.contentType !== undefined) response.setHeader('content-type', answer.contentType)
  if (gzip) response.setHeader('content-encoding', 'gzip')
  if (trailers) response.setHeader('trailer', 'x-mock-trailer')
  if (behaviour.close || noLength) response.setHeader('connection', 'close')
  // node:http then delimits a body without a length by the end of the connection.
  if (noLength) response.useChunkedEncodingByDefault = false
  // With a length announced, a short body could not end cleanly.
  const lengthKnown = answer.kind === 'unary' && !gzip && !noLength && !trailers && cut !== 'clean'
  if (lengthKnown) response.setHeader('content-length', Buffer.byteLength(answer.body))
  response.writeHead(answer.kind === 'unary' ? answer.status : 200)
  response.flushHeaders()
}

/** Ends the answer: properly when it is complete, else as `cut` says. */
export function endBody(response: ServerResponse, outcome: Outcome, { cut, trailers }: Behaviour): void {
  const { socket } = response
  if (outcome !== 'cut') {
    if (trailers) response.addTrailers({ 'x-mock-trailer': 'complete' })
    response.end()
  } else if (cut === 'clean') {
    response.end()
  } else if (cut === 'rst' && socket && !(socket instanceof TLSSocket)) {
    socket.resetAndDestroy()
  } else {
    socket?.destroy()
  }
}

function sendEarlyHints(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.writeEarlyHints({ link: '</mock>; rel=preconnect' }, resolve))
}

/** Never resolves; rejects when the signal aborts. */
function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
