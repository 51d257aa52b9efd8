// Feeds a body to a fresh reader and collects what it lets through.
import type { BodyReader } from '../../../sidecar/stream/body-reader.ts'
import { type AnswerKind, createBodyReader } from '../../../sidecar/stream/create-body-reader.ts'
import type { ProviderError } from '../../../sidecar/stream/provider-error.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'

export interface Replay {
  forwarded: Buffer
  complete: boolean
  usage: Usage | undefined
  providerError: ProviderError | undefined
}

/**
 * Every chunk is wiped after it was read, as a shared read buffer is by the next read: a reader that kept a view
 * instead of a copy is found out.
 */
export function replay(kind: AnswerKind, chunks: Iterable<Buffer>): Replay {
  const reader: BodyReader = createBodyReader(kind)
  const forwarded: Buffer[] = []
  for (const chunk of chunks) {
    const shared = Buffer.from(chunk)
    const bytes = reader.push(shared)
    if (bytes !== null) forwarded.push(Buffer.from(bytes))
    shared.fill(0)
  }
  const { rest, complete } = reader.end()
  if (rest !== null) forwarded.push(rest)
  return {
    forwarded: Buffer.concat(forwarded),
    complete,
    usage: reader.usage(),
    providerError: reader.providerError(),
  }
}

export function* byteByByte(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at++) yield body.subarray(at, at + 1)
}

/** Up to this size a body is split and cut at every byte; a larger one at about so many offsets and all of its end. */
const EVERY_BYTE_MAX = process.env.EVERY_BYTE === undefined ? 4 * 1024 : Number.MAX_SAFE_INTEGER
const SAMPLES = 250
const END_BYTES = 250

export function offsetsSaid(body: Buffer): string {
  if (body.length <= EVERY_BYTE_MAX) return 'every byte'
  return `every ${stride(body)}th byte and each of the last ${END_BYTES}`
}

export function offsets(body: Buffer): number[] {
  const all = Array.from({ length: body.length }, (_, index) => index)
  if (body.length <= EVERY_BYTE_MAX) return all
  return all.filter((at) => at % stride(body) === 0 || at >= body.length - END_BYTES)
}

function stride(body: Buffer): number {
  return Math.ceil(body.length / SAMPLES)
}
