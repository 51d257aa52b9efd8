// What node:http cannot read is answered on the bare socket, which closes behind it whatever the client does; and nobody
// takes that answer for one to another request.
import { expect, test } from '@jest/globals'
import { BODY, chunked, expectError, post, said, servedForTests } from './served.ts'

const served = servedForTests({ headersTimeout: 300, requestTimeout: 600 })

test('a client that keeps its side open after a 408 keeps neither its request nor its socket', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, '', ''))
  expect(said(await client.reply())).toBe('408 request_timeout')
  await client.closed
  const line = served().sidecar.accessLine(({ failure }) => failure === 'request_timeout')
  const late = new Promise((resolve) => setTimeout(resolve, 3000, 'still open'))
  expect(await Promise.race([line, late])).toMatchObject({ status: 408, fault: 'caller', bytesOut: expect.any(Number) })
})

test('an answer to a broken body is in the dialect of its head', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, '', 'no chunk').replace('/v1/chat/completions', '/v1/messages'))
  const reply = await client.reply()
  expect(said(reply)).toBe('400 malformed_request')
  if (typeof reply === 'object') expectError(reply, 'Anthropic')
})

test('what is malformed behind a request that still waits is not taken for its answer', async () => {
  const client = await served().connect()
  client.write(`${chunked(BODY, 'x-mock-head-delay: 100\r\n')}POST / HTTP/9.9\r\n\r\n`)
  expect(['200', 'closed']).toContain(said(await client.reply()))
})

test('a body that may still come or not is not mixed with the next request', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'Expect: 200-ok\r\n').slice(0, -BODY.length))
  const reply = await client.reply()
  expect(said(reply)).toBe('417 expectation_failed')
  expect(typeof reply === 'object' && reply.headers.connection).toBe('close')
})

test('a client that leaves in the middle of its chunks has left, and sent nothing malformed', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, '', ''))
  client.socket.end()
  await client.closed
  expect(client.unread).toBe('')
  const line = await served().sidecar.accessLine(({ failure }) => failure === 'client_closed')
  expect(line).toMatchObject({ status: 499 })
})

const UNREAD: readonly (readonly [name: string, bytes: string, expected: object])[] = [
  ['no HTTP', '\x16\x03\x01\x02\x00', { status: 400, failure: 'malformed_request', method: '' }],
  ['too long a head', `GET /${'x'.repeat(40_000)}`, { status: 431, failure: 'headers_too_large', method: '' }],
  ['a head that does not end', 'GET / HTTP/1.1\r\n', { status: 408, failure: 'request_timeout', method: '' }],
  ['an expectation', post(BODY, 'Expect: 200-ok\r\n'), { status: 417, failure: 'expectation_failed', method: 'POST' }],
]

test.each(UNREAD)('what never became a request is recorded like one: %s', async (_name, bytes, expected) => {
  const client = await served().connect()
  client.write(bytes)
  const reply = await client.reply()
  const requestId = typeof reply === 'object' ? reply.headers['x-outrigger-request-id'] : reply
  const line = await served().sidecar.accessLine((each) => each.requestId === requestId)
  expect(line).toMatchObject({ ...expected, fault: 'caller', provider: null })
})
