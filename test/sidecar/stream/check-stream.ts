// The one check that every recorded stream must pass.
import { expect } from '@jest/globals'
import type { AnswerKind } from '../../../sidecar/stream/create-body-reader.ts'
import type { Recording } from './recordings.ts'
import { type Reference, readReference } from './reference.ts'
import { byteByByte, offsets, replay } from './replay.ts'

export function checkStream(recording: Recording): void {
  const { dialect, operation, body } = recording
  const reference = readReference(recording)
  const ways = reference.usageChunk === undefined ? (['Strip'] as const) : (['Keep', 'Strip'] as const)
  for (const stripUsage of ways) {
    const kind: AnswerKind = { dialect, operation, format: 'events', stripUsage, framing: 'Announced' }
    const whole = replay(kind, [body])
    expect(whole.forwarded.toString()).toBe(expectedBytes(body, reference, stripUsage, body.length).toString())
    expect(whole.usage).toEqual(reference.usage)
    expect(whole.complete).toBe(reference.wholeAt !== undefined)
    expect(replay(kind, byteByByte(body))).toEqual(whole)
    for (const at of offsets(body)) {
      const split = replay(kind, [body.subarray(0, at), body.subarray(at)])
      if (!sameAs(split, whole)) expect({ at, ...split }).toEqual({ at, ...whole })
      if (stripUsage === 'Strip') checkCut(kind, body, reference, at)
    }
  }
}

function checkCut(kind: AnswerKind, body: Buffer, reference: Reference, at: number): void {
  const cut = replay(kind, [body.subarray(0, at)])
  const forwarded = expectedBytes(body, reference, kind.stripUsage, at)
  const complete = reference.wholeAt !== undefined && reference.wholeAt <= at && !isTorn(kind, body, reference, at)
  if (cut.complete === complete && cut.forwarded.equals(forwarded)) return
  expect({ at, complete: cut.complete, forwarded: cut.forwarded.toString() }).toEqual({
    at,
    complete,
    forwarded: forwarded.toString(),
  })
}

/** Within an event, where no terminator says that nothing more follows. */
function isTorn({ dialect }: AnswerKind, body: Buffer, { events }: Reference, at: number): boolean {
  const whole = events.findLast(({ end }) => end <= at)?.end ?? 0
  return dialect === 'Gemini' && body.toString('latin1', whole, at).trim() !== ''
}

/** The whole events of the first `length` bytes, less the usage chunk. */
function expectedBytes(body: Buffer, reference: Reference, stripUsage: 'Keep' | 'Strip', length: number): Buffer {
  const last = reference.events.findLast(({ end }) => end <= length)
  const whole = body.subarray(0, last?.end ?? 0)
  const chunk = reference.usageChunk
  if (stripUsage === 'Keep' || chunk === undefined || chunk.end > whole.length) return whole
  return Buffer.concat([whole.subarray(0, chunk.start), whole.subarray(chunk.end)])
}

function sameAs(a: ReturnType<typeof replay>, b: ReturnType<typeof replay>): boolean {
  return (
    a.forwarded.equals(b.forwarded) &&
    a.complete === b.complete &&
    JSON.stringify(a.providerError) === JSON.stringify(b.providerError) &&
    JSON.stringify(a.usage) === JSON.stringify(b.usage)
  )
}
