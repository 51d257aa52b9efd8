// A client that does not read slows its provider down: what was read ahead for it stays bounded.

import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DecodingSink } from '../../../sidecar/upstream/decoding-sink.ts'
import { FakeProvider } from './fake-provider.ts'
import { Answer, askedOn, closeAll, LIMITS, TestUpstream } from './upstream-for-tests.ts'

const MIB = 1024 * 1024

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`)
})

afterEach(() => closeAll(one, fake))

/** So many other calls are served meanwhile that anything still under way would have shown. */
async function others(): Promise<void> {
  for (let i = 0; i < 50; i++) await askedOn(one, fake, '/other')
}

test('of an answer that its client does not take, no more than one read comes; then the rest, all of it', async () => {
  const sent = one.send('/v1')
  sent.keep = false
  sent.onPiece = () => sent.call?.pause()
  const connection = await fake.connection()
  await connection.request()
  connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`)
  connection.write(Buffer.alloc(64 * MIB))
  await sent.begun
  await others()
  expect(sent.bodyBytes).toBeLessThanOrEqual(64 * 1024)
  sent.onPiece = undefined
  sent.call?.resume()
  await sent.outcome
  expect(sent.bodyBytes).toBe(64 * MIB)
})

test('a compressed answer cannot grow past its client, and arrives whole', async () => {
  const answer = new Answer()
  answer.keep = false
  const sink = new DecodingSink(answer)
  answer.onPiece = () => sink.pause()
  const request = { method: 'POST', head: 'POST /v1 HTTP/1.1\r\nhost: x\r\n\r\n', body: [] }
  sink.call = one.upstream.send(one.provider, request, LIMITS, sink)
  const connection = await fake.connection()
  await connection.request()
  const compressed = gzipSync(Buffer.alloc(64 * MIB))
  connection.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${compressed.length}\r\n\r\n`)
  connection.write(compressed)
  await answer.begun
  await others()
  expect(answer.bodyBytes).toBeLessThanOrEqual(MIB)
  answer.onPiece = undefined
  sink.resume()
  await answer.outcome
  expect(answer.bodyBytes).toBe(64 * MIB)
})

test('a compressed answer whose client has left is not undone any further', async () => {
  const answer = new Answer()
  answer.keep = false
  const sink = new DecodingSink(answer)
  answer.onPiece = () => sink.abort()
  const request = { method: 'POST', head: 'POST /v1 HTTP/1.1\r\nhost: x\r\n\r\n', body: [] }
  sink.call = one.upstream.send(one.provider, request, LIMITS, sink)
  const connection = await fake.connection()
  await connection.request()
  connection.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n')
  const compressed = gzipSync(Buffer.alloc(8 * MIB))
  connection.write(`${compressed.length.toString(16)}\r\n${compressed.toString('latin1')}\r\n`)
  await connection.closed
  await others()
  expect(answer.bodyBytes).toBeLessThanOrEqual(64 * 1024)
  expect(answer.ends).toBe(0)
})
