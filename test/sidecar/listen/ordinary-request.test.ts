// What the bare-socket path accepts must be a subset of what node:http accepts, read in the same way: a table for the
// rules, and a differential fuzz test (FUZZ=200000 for a long run, `make fuzz`).
import http from 'node:http'
import { duplexPair } from 'node:stream'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseOrdinaryRequest } from '../../../sidecar/listen/ordinary-request.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'

const HEAD_BYTES_MAX = 32 * 1024
const BODY = '{"model":"m"}'
const HOST = 'Host: 127.0.0.1:8787\r\n'
const LENGTH = `Content-Length: ${BODY.length}\r\n`

function request(headers: string, line = 'POST /v1/chat/completions HTTP/1.1\r\n'): string {
  return `${line}${headers}\r\n${BODY}`
}

function check(name: string, text: string, expected: 'ordinary' | 'left to node:http'): void {
  test(`${name} is ${expected}`, () => {
    const parsed = parseOrdinaryRequest(Buffer.from(text, 'latin1'), HEAD_BYTES_MAX)
    expect(parsed === undefined ? 'left to node:http' : 'ordinary').toBe(expected)
  })
}

check('what SDKs send', request(`${HOST}User-Agent: OpenAI/JS 7\r\n${LENGTH}connection: keep-alive\r\n`), 'ordinary')
check('an empty header value', request(`${HOST}${LENGTH}X-Empty:\r\n`), 'ordinary')
check('a tab inside a value', request(`${HOST}${LENGTH}X-A: b\tc\r\n`), 'ordinary')
check('any header twice', request(`${HOST}${LENGTH}X-A: b\r\nX-A: c\r\n`), 'ordinary')
check('a head in pieces', `POST / HTTP/1.1\r\n${HOST}${LENGTH}`, 'left to node:http')
check('another method', request(`${HOST}${LENGTH}`, 'PUT / HTTP/1.1\r\n'), 'left to node:http')
check('a lower-case method', request(`${HOST}${LENGTH}`, 'post / HTTP/1.1\r\n'), 'left to node:http')
check('HTTP/1.0', request(`${HOST}${LENGTH}`, 'POST / HTTP/1.0\r\n'), 'left to node:http')
check('two spaces in the request line', request(`${HOST}${LENGTH}`, 'POST  / HTTP/1.1\r\n'), 'left to node:http')
check('an absolute-form target', request(`${HOST}${LENGTH}`, 'POST http://x/ HTTP/1.1\r\n'), 'left to node:http')
check('a fragment in the target', request(`${HOST}${LENGTH}`, 'POST /#x HTTP/1.1\r\n'), 'left to node:http')
check('a blank line before the request', `\r\n${request(`${HOST}${LENGTH}`)}`, 'left to node:http')
check('no Host', request(LENGTH), 'left to node:http')
check('two Hosts', request(`${HOST}${HOST}${LENGTH}`), 'left to node:http')
check('no length', request(HOST), 'left to node:http')
check('two lengths', request(`${HOST}${LENGTH}${LENGTH}`), 'left to node:http')
check('a length with a sign', request(`${HOST}Content-Length: +13\r\n`), 'left to node:http')
check('two lengths in one', request(`${HOST}Content-Length: 13, 13\r\n`), 'left to node:http')
check('Transfer-Encoding', request(`${HOST}${LENGTH}Transfer-Encoding: chunked\r\n`), 'left to node:http')
check('Transfer-Encoding in odd case', request(`${HOST}tRANSFER-eNCODING: x\r\n${LENGTH}`), 'left to node:http')
check('Expect', request(`${HOST}${LENGTH}Expect: 100-continue\r\n`), 'left to node:http')
check('Upgrade', request(`${HOST}${LENGTH}Upgrade: h2c\r\n`), 'left to node:http')
check('Connection: close', request(`${HOST}${LENGTH}Connection: close\r\n`), 'left to node:http')
check('Connection with names', request(`${HOST}${LENGTH}Connection: keep-alive, x-a\r\n`), 'left to node:http')
check('Content-Encoding', request(`${HOST}${LENGTH}Content-Encoding: gzip\r\n`), 'left to node:http')
check('white space before the colon', request(`${HOST}${LENGTH}X-A : b\r\n`), 'left to node:http')
check('a folded line', request(`${HOST}${LENGTH}X-A: b\r\n c\r\n`), 'left to node:http')
check('a bare LF', request(`${HOST}${LENGTH}X-A: b\nX-B: c\r\n`), 'left to node:http')
check('a bare CR', request(`${HOST}${LENGTH}X-A: b\rc\r\n`), 'left to node:http')
check('a NUL', request(`${HOST}${LENGTH}X-A: b\0c\r\n`), 'left to node:http')
check('a DEL', request(`${HOST}${LENGTH}X-A: b\x7fc\r\n`), 'left to node:http')
check('a byte beyond ASCII', request(`${HOST}${LENGTH}X-A: b\xe9c\r\n`), 'left to node:http')
check('a header without a name', request(`${HOST}${LENGTH}: b\r\n`), 'left to node:http')
check('101 headers', request(`${HOST}${LENGTH}${'X-A: b\r\n'.repeat(99)}`), 'left to node:http')
check('a head over the limit', request(`${HOST}${LENGTH}X-A: ${'b'.repeat(HEAD_BYTES_MAX)}\r\n`), 'left to node:http')

interface Read {
  method: string | undefined
  target: string | undefined
  rawHeaders: string[]
  body: string
}

let server: http.Server

beforeAll(() => {
  server = http.createServer({ insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: HEAD_BYTES_MAX })
})
afterAll(() => void server.close())

/** How node:http reads the bytes; undefined when it refuses them. */
function asNodeReads(bytes: Buffer): Promise<Read | undefined> {
  const { promise, resolve } = Promise.withResolvers<Read | undefined>()
  const [client, serverSide] = duplexPair()
  server.removeAllListeners('request').removeAllListeners('clientError')
  server.once('clientError', () => resolve(undefined))
  server.once('request', (message: http.IncomingMessage) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const { method, url: target, rawHeaders } = message
      resolve({ method, target, rawHeaders, body: Buffer.concat(chunks).toString('latin1') })
    })
  })
  server.emit('connection', serverSide)
  client.on('error', () => {})
  serverSide.on('error', () => {})
  client.write(bytes)
  return promise.finally(() => {
    client.destroy()
    serverSide.destroy()
  })
}

const NAMES = [
  'X-A',
  'accept',
  'Content-Length',
  'content-length',
  'Transfer-Encoding',
  'Connection',
  'Host',
  'te',
  'X-\x80',
  'Expect',
]
const VALUES = [
  'a',
  '',
  ' b ',
  '\tc\t',
  '13',
  '0',
  '013',
  'chunked',
  'keep-alive',
  'Keep-Alive',
  'close',
  '127.0.0.1',
  'x\x01',
  'é',
  'a, b',
  '100-continue',
]
const NOISE = ['\r', '\n', '\r\n', ' ', '\t', ':', '\0', '\x0b', '\x7f', '\xff', '%', '#', '/', ';', '0', 'a']

/** An ordinary request, spoiled a little most of the time. */
function randomRequest(random: Random): Buffer {
  const headers = ['Host: 127.0.0.1', `Content-Length: ${BODY.length}`]
  for (let i = below(random, 4); i > 0; i--)
    headers.push(`${pick(random, NAMES)}:${pick(random, ['', ' '])}${pick(random, VALUES)}`)
  if (below(random, 4) === 0) headers.splice(below(random, headers.length), 1)
  let text = `POST /v1/chat?x=${below(random, 9)} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${BODY}`
  if (below(random, 2) === 0) {
    const at = below(random, text.length - BODY.length)
    text = text.slice(0, at) + pick(random, NOISE) + text.slice(at + below(random, 2))
  }
  return Buffer.from(text, 'latin1')
}

test('what is accepted, node:http accepts too and reads in the same way', async () => {
  const runs = Number(process.env.FUZZ ?? 3000)
  const random = seeded(20261121)
  let accepted = 0
  for (let i = 0; i < runs; i++) {
    const bytes = randomRequest(random)
    const parsed = parseOrdinaryRequest(bytes, HEAD_BYTES_MAX)
    if (parsed === undefined || bytes.length < parsed.headBytes + parsed.bodyBytes) continue
    accepted++
    const { head, headBytes, bodyBytes } = parsed
    const body = bytes.toString('latin1', headBytes, headBytes + bodyBytes)
    const ours = { ...head, rawHeaders: [...head.rawHeaders], body }
    expect({
      bytes: bytes.toString('latin1'),
      read: await asNodeReads(bytes.subarray(0, headBytes + bodyBytes)),
    }).toEqual({
      bytes: bytes.toString('latin1'),
      read: ours,
    })
  }
  // The generator must reach the interesting side often enough to mean something.
  expect(accepted).toBeGreaterThan(runs / 10)
})
