// Requests that two parsers could read differently, on bare sockets against a whole sidecar. Each row: what is sent, what
// comes back, what the provider saw, and whether the connection lives on.
import { expect, test } from '@jest/globals'
import { BODY, CHAT, chunked, expectError, HOST, post, said, servedForTests } from './served.ts'

const served = servedForTests({ headersMax: 32 * 1024, bodyMax: 1024 * 1024 })

type Row = readonly [name: string, bytes: string, expected: string, connection: 'lives on' | 'closes']

/** What reaches the provider is the chat request, once; or nothing. */
function check(rows: readonly Row[]): void {
  test.each(rows)('%s', async (_name, bytes, expected, connection) => {
    const client = await served().connect()
    client.write(bytes)
    const reply = await client.reply()
    expect(said(reply)).toBe(expected)
    expect(served().bodies()).toEqual(expected === '200' ? [BODY] : [])
    if (typeof reply === 'object' && reply.headers['x-outrigger-reason'] !== undefined) expectError(reply, 'OpenAI')
    if (connection === 'lives on') expect(await served().carriesOn(client)).toBe(true)
    else await client.closed
    expect(client.unread).toBe('')
  })
}

const LENGTH = `Content-Length: ${BODY.length}\r\n`
const LINE = `POST ${CHAT} HTTP/1.1\r\n`
const SMUGGLED = `POST ${CHAT} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`
const TE = 'Transfer-Encoding: chunked\r\n'
const CHUNKS = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`

check([
  // Served.
  ['the ordinary request', post(BODY), '200', 'lives on'],
  ['chunks', chunked(BODY), '200', 'lives on'],
  ['chunks with extensions and trailers', chunked(BODY, '', '0;a=b\r\nX: y\r\n\r\n'), '200', 'lives on'],
  ['an empty line before the request (RFC 9112 §2.2)', `\r\n${post(BODY)}`, '200', 'lives on'],
  [
    'names in any case',
    post(BODY).replace(HOST, 'hOST: 127.0.0.1\r\n').replace('Content-Length', 'CONTENT-LENGTH'),
    '200',
    'lives on',
  ],
  [
    'white space around a length',
    post(BODY).replace(/Content-Length: (\d+)/, 'Content-Length:  \t$1 \t'),
    '200',
    'lives on',
  ],
  ['close', post(BODY, 'Connection: close\r\n'), '200', 'closes'],
  ['HTTP/1.0', post(BODY).replace('HTTP/1.1', 'HTTP/1.0'), '200', 'closes'],
  ['HTTP/1.0 without a Host', post(BODY).replace('HTTP/1.1', 'HTTP/1.0').replace(HOST, ''), '200', 'closes'],
  [
    'HTTP/1.0 that keeps alive',
    post(BODY, 'Connection: keep-alive\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
    '200',
    'lives on',
  ],
  [
    'an upgrade to HTTP/2 that is not taken',
    post(BODY, 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n'),
    '200',
    'lives on',
  ],
  [
    'an upgrade to a WebSocket by a method that has none',
    post(BODY, 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    '200',
    'lives on',
  ],
  // Odd, but read in one way only; node:http takes them, so they are served.
  ['two spaces before the target', post(BODY).replace('POST ', 'POST  '), '200', 'lives on'],
  ['no version', post(BODY).replace(' HTTP/1.1', ''), '200', 'closes'],
  ['a version that this is not', post(BODY).replace('HTTP/1.1', 'HTTP/2.0'), '200', 'closes'],
  // The body's length.
  ['a length and chunks', `${LINE}${HOST}${LENGTH}${TE}\r\n${CHUNKS}${SMUGGLED}`, '400 malformed_request', 'closes'],
  ['chunks and a length', `${LINE}${HOST}${TE}${LENGTH}\r\n${CHUNKS}${SMUGGLED}`, '400 malformed_request', 'closes'],
  [
    'two lengths',
    `${LINE}${HOST}${LENGTH}Content-Length: 5\r\n\r\n${BODY}${SMUGGLED}`,
    '400 malformed_request',
    'closes',
  ],
  ['the same length twice', `${LINE}${HOST}${LENGTH}${LENGTH}\r\n${BODY}`, '400 malformed_request', 'closes'],
  ['two lengths in one', `${LINE}${HOST}Content-Length: 5, 5\r\n\r\n${BODY}`, '400 malformed_request', 'closes'],
  ['a signed length', `${LINE}${HOST}Content-Length: +5\r\n\r\n${BODY}`, '400 malformed_request', 'closes'],
  ['a negative length', `${LINE}${HOST}Content-Length: -5\r\n\r\n${BODY}`, '400 malformed_request', 'closes'],
  ['a length in hexadecimal', `${LINE}${HOST}Content-Length: 0x5\r\n\r\n${BODY}`, '400 malformed_request', 'closes'],
  [
    'a length beyond all numbers',
    `${LINE}${HOST}Content-Length: 99999999999999999999999\r\n\r\n${BODY}`,
    '400 malformed_request',
    'closes',
  ],
  ['no length at all: there is no body', `${LINE}${HOST}\r\n`, '400 invalid_body', 'lives on'],
  // Transfer-Encoding.
  [
    'an encoding that is not chunked',
    `${LINE}${HOST}Transfer-Encoding: gzip\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  [
    'an encoding that looks like it',
    `${LINE}${HOST}Transfer-Encoding: xchunked\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  [
    'chunked, and then another',
    `${LINE}${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  ['identity', `${LINE}${HOST}Transfer-Encoding: identity\r\n\r\n${CHUNKS}`, '400 malformed_request', 'closes'],
  [
    'a vertical tab before chunked',
    `${LINE}${HOST}Transfer-Encoding:\x0bchunked\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  [
    'a NUL behind chunked',
    `${LINE}${HOST}Transfer-Encoding: chunked\0\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  [
    'white space before the colon',
    `${LINE}${HOST}Transfer-Encoding : chunked\r\n\r\n${CHUNKS}`,
    '400 malformed_request',
    'closes',
  ],
  [
    'a folded line',
    `${LINE}${HOST}X: y\r\n Transfer-Encoding: chunked\r\n${LENGTH}\r\n${BODY}`,
    '400 malformed_request',
    'closes',
  ],
  // Chunks.
  ['a chunk size with 0x', `${LINE}${HOST}${TE}\r\n0x1\r\n{\r\n0\r\n\r\n`, '400 malformed_request', 'closes'],
  ['a negative chunk size', `${LINE}${HOST}${TE}\r\n-1\r\n{\r\n0\r\n\r\n`, '400 malformed_request', 'closes'],
  [
    'a chunk size beyond all numbers',
    `${LINE}${HOST}${TE}\r\nfffffffffffffffff1\r\n{\r\n0\r\n\r\n`,
    '400 malformed_request',
    'closes',
  ],
  [
    'a chunk that is longer than its size',
    `${LINE}${HOST}${TE}\r\n1\r\n{}\r\n0\r\n\r\n`,
    '400 malformed_request',
    'closes',
  ],
  ['bare LF behind a chunk size', `${LINE}${HOST}${TE}\r\n1\n{\r\n0\r\n\r\n`, '400 malformed_request', 'closes'],
  ['bare LF within a chunk extension', `${LINE}${HOST}${TE}\r\n1;\n{\r\n0\r\n\r\n`, '400 malformed_request', 'closes'],
  ['a length in the trailer', chunked(BODY, '', `0\r\nContent-Length: 5\r\n\r\n`), '400 malformed_request', 'closes'],
  // Lines.
  ['bare LF in all lines', post(BODY).replaceAll('\r\n', '\n'), '400 malformed_request', 'closes'],
  ['bare LF behind one header', post(BODY, 'X: y\n'), '400 malformed_request', 'closes'],
  ['bare CR in a value', post(BODY, 'X: y\rz\r\n'), '400 malformed_request', 'closes'],
  ['NUL in a value', post(BODY, 'X: y\0z\r\n'), '400 malformed_request', 'closes'],
  ['NUL in a name', post(BODY, 'X\0: y\r\n'), '400 malformed_request', 'closes'],
  ['no name', post(BODY, ': y\r\n'), '400 malformed_request', 'closes'],
  ['no colon', post(BODY, 'X\r\n'), '400 malformed_request', 'closes'],
  // The request line.
  ['a method in lower case', post(BODY).replace('POST', 'post'), '400 malformed_request', 'closes'],
  ['a method that nobody knows', post(BODY).replace('POST', 'BREW'), '400 malformed_request', 'closes'],
  ['a space in the target', post(BODY).replace(CHAT, `${CHAT} x`), '400 malformed_request', 'closes'],
  ['a fragment in the target', post(BODY).replace(CHAT, `${CHAT}#x`), '400 malformed_request', 'lives on'],
  ['HTTP/1.2', post(BODY).replace('HTTP/1.1', 'HTTP/1.2'), '400 malformed_request', 'closes'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 malformed_request', 'closes'],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400 malformed_request', 'closes'],
  ['an absolute target', post(BODY).replace(CHAT, `http://127.0.0.1:8787${CHAT}`), '400 malformed_request', 'lives on'],
  [
    'an absolute target of another host',
    post(BODY).replace(CHAT, `http://evil.example${CHAT}`),
    '400 malformed_request',
    'lives on',
  ],
  ['the target *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, '400 malformed_request', 'lives on'],
  ['CONNECT', `CONNECT 127.0.0.1:80 HTTP/1.1\r\n${HOST}\r\n`, 'closed', 'closes'],
  // Host and Origin.
  ['no Host', post(BODY).replace(HOST, ''), '400', 'closes'],
  ['two Hosts', post(BODY, HOST), '400 malformed_request', 'lives on'],
  [
    'two Hosts, the second of another case and name',
    post(BODY, 'hOsT: evil.example\r\n'),
    '400 malformed_request',
    'lives on',
  ],
  ['an empty Host', post(BODY).replace(HOST, 'Host:\r\n'), '400 malformed_request', 'lives on'],
  ['a Host with a path', post(BODY).replace(HOST, 'Host: localhost/x\r\n'), '400 malformed_request', 'lives on'],
  [
    'a Host with a user',
    post(BODY).replace(HOST, 'Host: 127.0.0.1@evil.example\r\n'),
    '400 malformed_request',
    'lives on',
  ],
  [
    'a Host that was rebound',
    post(BODY).replace(HOST, 'Host: evil.example:8787\r\n'),
    '403 host_not_allowed',
    'lives on',
  ],
  [
    'a Host that begins like an address',
    post(BODY).replace(HOST, 'Host: 127.0.0.1.evil.example\r\n'),
    '403 host_not_allowed',
    'lives on',
  ],
  [
    'a Host that ends like localhost',
    post(BODY).replace(HOST, 'Host: evil-localhost\r\n'),
    '403 host_not_allowed',
    'lives on',
  ],
  [
    'the address of a neighbour',
    post(BODY).replace(HOST, 'Host: 192.168.1.2:8787\r\n'),
    '403 host_not_allowed',
    'lives on',
  ],
  ['localhost', post(BODY).replace(HOST, 'Host: localhost:8787\r\n'), '200', 'lives on'],
  ['a name below localhost', post(BODY).replace(HOST, 'Host: shop.LOCALHOST\r\n'), '200', 'lives on'],
  ['the loopback address of IPv6', post(BODY).replace(HOST, 'Host: [::1]:8787\r\n'), '200', 'lives on'],
  ['a web page', post(BODY, 'Origin: https://evil.example\r\n'), '403 origin_not_allowed', 'lives on'],
  ['a web page on this machine', post(BODY, 'Origin: http://localhost:3000\r\n'), '403 origin_not_allowed', 'lives on'],
  ['a page without an origin', post(BODY, 'Origin: null\r\n'), '403 origin_not_allowed', 'lives on'],
  [
    'a preflight',
    `OPTIONS ${CHAT} HTTP/1.1\r\n${HOST}Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`,
    '403 origin_not_allowed',
    'lives on',
  ],
  // Sizes.
  ['a head of 15 KiB', post(BODY, `X: ${'x'.repeat(15 * 1024)}\r\n`), '200', 'lives on'],
  ['a head of 33 KiB', post(BODY, `X: ${'x'.repeat(33 * 1024)}\r\n`), '431 headers_too_large', 'closes'],
  ['a target of 33 KiB', post(BODY, '', `${CHAT}?${'x'.repeat(33 * 1024)}`), '431 headers_too_large', 'closes'],
  ['900 headers', post(BODY, 'X: y\r\n'.repeat(900)), '200', 'lives on'],
  ['more than 1000 headers', post(BODY, 'X: y\r\n'.repeat(1000)), '431 headers_too_large', 'closes'],
])

test('a head may have 32 KiB', async () => {
  const client = await served().connect()
  client.write(`GET /v1/models HTTP/1.1\r\n${HOST}X: ${'x'.repeat(31 * 1024)}\r\n\r\n`)
  expect(said(await client.reply())).toBe('200')
})

test('an error is said in the dialect of the path, where there is one', async () => {
  const client = await served().connect()
  for (const [target, dialect] of [
    ['/v1/messages', 'Anthropic'],
    ['/v1beta/models/flash:generateContent', 'Gemini'],
    ['/v1/responses', 'OpenAI'],
  ] as const) {
    client.write(post(BODY, 'Origin: https://evil.example\r\n', target))
    const reply = await client.reply()
    expect(said(reply)).toBe('403 origin_not_allowed')
    if (typeof reply === 'object') expectError(reply, dialect)
  }
})

test('HEAD has the headers of an answer and no body', async () => {
  const client = await served().connect()
  client.write(`HEAD /v1/models/small HTTP/1.1\r\n${HOST}\r\n${`HEAD /nowhere HTTP/1.1\r\n${HOST}\r\n`}`)
  for (let i = 0; i < 2; i++) expect(await client.reply('HEAD')).toMatchObject({ body: '' })
  expect(await served().carriesOn(client)).toBe(true)
})

test('what belongs to the connection of the client never reaches the provider', async () => {
  const client = await served().connect()
  client.write(
    post(
      BODY,
      'Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: h2c\r\n',
    ),
  )
  await client.reply()
  const names = served()
    .mock.requests[0]?.rawHeaders.filter((_, at) => at % 2 === 0)
    .map((name) => name.toLowerCase())
  expect(names).not.toEqual(expect.arrayContaining(['x-secret']))
  for (const name of ['keep-alive', 'te', 'upgrade', 'http2-settings', 'transfer-encoding'])
    expect(names).not.toContain(name)
})

const MODELS: readonly [name: string, body: string, routed: string, seen: string][] = [
  ['the last of two keys counts', '{"model":"small","model":"large"}', 'large', 'large-2026'],
  ['the last of two keys counts, the other way round', '{"model":"large","model":"small"}', 'small', 'small'],
  ['an escaped key is the same key', '{"model":"small","mod\\u0065l":"large"}', 'large', 'large-2026'],
  ['an escaped key before it', '{"\\u006dodel":"large","model":"small"}', 'small', 'small'],
  ['an escaped value', '{"model":"l\\u0061rge"}', 'large', 'large-2026'],
  ['a key within another value', '{"metadata":{"model":"large"},"model":"small"}', 'small', 'small'],
  ['a key within a text', '{"x":"\\",\\"model\\":\\"large","model":"small"}', 'small', 'small'],
]

test.each(MODELS)('the provider gets the model that was routed: %s', async (_name, body, routed, seen) => {
  const client = await served().connect()
  for (const bytes of [post(body), chunked(body)]) {
    client.write(bytes)
    const reply = await client.reply()
    expect(typeof reply === 'object' && reply.headers['x-outrigger-model']).toBe(routed)
  }
  for (const sent of served().bodies()) {
    expect(JSON.parse(sent)).toMatchObject({ model: seen })
    expect(keysOf(sent)).toBe(keysOf(JSON.stringify(JSON.parse(body))))
  }
})

/** Every key as it is spelled: one that came twice or in two spellings shows. */
function keysOf(json: string): string {
  return [...json.matchAll(/"((?:[^"\\]|\\.)*)"\s*:/g)].map(([, key]) => key).join(' ')
}
