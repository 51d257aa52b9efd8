// Bodies: their size, their content-encoding, and whether they are wanted at all. Whatever is refused, the connection is
// either in step afterwards or closed.
import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import { expect, test } from '@jest/globals'
import type { RawClient } from './raw-client.ts'
import { BODY, CHAT, chunked, expectError, HOST, post, said, servedForTests } from './served.ts'

const BODY_MAX = 256 * 1024
const served = servedForTests({ bodyMax: BODY_MAX, bodyTotalMax: 4 * BODY_MAX })

function chatOf(bytes: number): string {
  const empty = '{"model":"small","messages":[{"role":"user","content":""}]}'
  return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
}

/** In step, or closed: nothing else may follow a refusal. */
async function settled(client: RawClient): Promise<void> {
  const carried = await served().carriesOn(client)
  if (!carried) await client.closed
}

async function refused(bytes: string, expected: string): Promise<void> {
  const client = await served().connect()
  client.write(bytes)
  const reply = await client.reply()
  expect(said(reply)).toBe(expected)
  if (typeof reply === 'object') expectError(reply, 'OpenAI')
  expect(served().bodies()).toEqual([])
  await settled(client)
}

test.each([
  ['announced', post],
  ['in chunks', chunked],
])('a body of exactly the limit is served, %s', async (_name, write) => {
  const client = await served().connect()
  client.write(write(chatOf(BODY_MAX)))
  expect(said(await client.reply())).toBe('200')
  expect(served().bodies()[0]?.length).toBe(BODY_MAX)
  expect(await served().carriesOn(client)).toBe(true)
})

test.each([
  ['announced', post],
  ['in chunks', chunked],
])('a byte more is refused, %s', async (_name, write) => {
  await refused(write(chatOf(BODY_MAX + 1)), '413 body_too_large')
})

test('a body that is announced as too large is refused before it comes', async () => {
  const client = await served().connect()
  client.write(`POST ${CHAT} HTTP/1.1\r\n${HOST}Content-Length: 999999999999\r\n\r\n`)
  expect(said(await client.reply())).toBe('413 body_too_large')
})

test('bodies that together are more than this process may hold are refused, and the room comes back', async () => {
  const holding = await Promise.all(Array.from({ length: 4 }, () => served().connect()))
  const head = post(chatOf(BODY_MAX)).slice(0, -1)
  for (const client of holding) client.write(head)
  const late = await served().connect()
  // Not before the others have been read.
  await untilRefused(late)
  for (const client of holding) client.leave()
  for (;;) {
    late.write(post(BODY))
    const reply = await late.reply()
    if (said(reply) === '200') break
    expect(said(reply)).toBe('503 overloaded')
  }
})

async function untilRefused(client: RawClient): Promise<void> {
  for (;;) {
    client.write(post(chatOf(BODY_MAX)))
    const reply = await client.reply()
    if (said(reply) === '200') continue
    expect(said(reply)).toBe('503 overloaded')
    expect(typeof reply === 'object' && reply.headers['retry-after']).toBe('1')
    return
  }
}

const ENCODINGS: readonly [name: string, encode: (body: Buffer) => Buffer][] = [
  ['gzip', zlib.gzipSync],
  ['x-gzip', zlib.gzipSync],
  ['GZIP', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['zstd', zlib.zstdCompressSync],
  ['identity', (body) => body],
]

test.each(ENCODINGS)('a body in %s reaches the provider without it', async (encoding, encode) => {
  const client = await served().connect()
  const encoded = encode(Buffer.from(BODY)).toString('latin1')
  for (const write of [post, chunked]) {
    client.write(write(encoded, `Content-Encoding: ${encoding}\r\n`))
    expect(said(await client.reply())).toBe('200')
  }
  expect(served().bodies()).toEqual([BODY, BODY])
  for (const { rawHeaders } of served().mock.requests) {
    expect(rawHeaders.map((name) => name.toLowerCase())).not.toContain('content-encoding')
    expect(rawHeaders[rawHeaders.indexOf('content-length') + 1]).toBe(String(BODY.length))
  }
})

test.each(ENCODINGS.slice(0, -1))('a bomb in %s is stopped at the limit', async (encoding, encode) => {
  const bomb = encode(Buffer.alloc(8 * 1024 * 1024)).toString('latin1')
  await refused(post(bomb.slice(0, BODY_MAX), `Content-Encoding: ${encoding}\r\n`), '413 body_too_large')
})

test.each(ENCODINGS.slice(0, -1))('garbage in %s is refused', async (encoding) => {
  await refused(post('this is not it, not at all', `Content-Encoding: ${encoding}\r\n`), '400 invalid_body')
})

test.each(ENCODINGS.slice(0, -1))('%s that ends too early is refused', async (encoding, encode) => {
  const cut = encode(randomBytes(2000)).subarray(0, -5).toString('latin1')
  await refused(post(cut, `Content-Encoding: ${encoding}\r\n`), '400 invalid_body')
})

test('a window that would claim more memory than HTTP allows is refused (RFC 9659)', async () => {
  const { ZSTD_c_windowLog, ZSTD_c_contentSizeFlag } = zlib.constants
  const params = { [ZSTD_c_windowLog]: 27, [ZSTD_c_contentSizeFlag]: 0 }
  const stream = zlib.createZstdCompress({ params })
  stream.end(Buffer.from(BODY))
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  await refused(post(Buffer.concat(pieces).toString('latin1'), 'Content-Encoding: zstd\r\n'), '400 invalid_body')
})

test.each(['compress', 'gzip, gzip', 'gzip, br', 'aes128gcm', 'constructor'])(
  'an encoding that is not undone here is refused: %s',
  async (encoding) => {
    const body = zlib.gzipSync(BODY).toString('latin1')
    await refused(post(body, `Content-Encoding: ${encoding}\r\n`), '415 unsupported_encoding')
  },
)

test('two lines of encodings are a list of two', async () => {
  const body = zlib.gzipSync(BODY).toString('latin1')
  await refused(post(body, 'Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n'), '415 unsupported_encoding')
})

const EXPECT = 'Expect: 100-continue\r\n'

test('a client that asks first is told to go on, and served', async () => {
  const client = await served().connect()
  const [head = '', body = ''] = post(BODY, EXPECT).split('\r\n\r\n')
  client.write(`${head}\r\n\r\n`)
  expect(await client.interim()).toBe(100)
  client.write(body)
  expect(await client.reply()).toMatchObject({ status: 200, interim: [] })
  expect(await served().carriesOn(client)).toBe(true)
})

const NOT_WANTED: readonly [name: string, bytes: string, expected: string][] = [
  ['a Host that is not served', post(BODY, EXPECT).replace(HOST, 'Host: evil.example\r\n'), '403 host_not_allowed'],
  ['a web page', post(BODY, `${EXPECT}Origin: https://evil.example\r\n`), '403 origin_not_allowed'],
  ['a body that is too large', post(chatOf(BODY_MAX + 1), EXPECT), '413 body_too_large'],
]

test.each(NOT_WANTED)('a client that asks first and is refused hears no 100: %s', async (_name, bytes, expected) => {
  const client = await served().connect()
  client.write(bytes.slice(0, bytes.indexOf('\r\n\r\n') + 4))
  const reply = await client.reply()
  expect([said(reply), typeof reply === 'object' && reply.interim]).toEqual([expected, []])
  // It may send its body or not, so only the end of the connection leaves no doubt.
  await client.closed
})

test('HTTP/1.0 knows no interim answers', async () => {
  const client = await served().connect()
  client.write(post(BODY, EXPECT).replace('HTTP/1.1', 'HTTP/1.0'))
  expect(await client.reply()).toMatchObject({ status: 200, interim: [] })
})

test('an expectation that nobody knows', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'Expect: 200-ok\r\n'))
  const reply = await client.reply()
  expect(said(reply)).toBe('417 expectation_failed')
  if (typeof reply === 'object') expectError(reply, 'OpenAI')
  expect(served().bodies()).toEqual([])
  await settled(client)
})

test('a stream to HTTP/1.0 has no chunks and ends with the connection', async () => {
  const client = await served().connect()
  const body = BODY.replace('{', '{"stream":true,')
  client.write(post(body).replace('HTTP/1.1', 'HTTP/1.0'))
  const reply = await client.reply()
  expect(reply).toMatchObject({ status: 200 })
  const { headers, body: events } = reply as { headers: Record<string, string>; body: string }
  expect(headers['transfer-encoding']).toBeUndefined()
  expect(events).toMatch(/^data: \{.*data: \[DONE\]\n\n$/s)
})
