// What node:http cannot read is answered on the bare socket, which closes behind it whatever the client does; and nobody
// takes that answer for one to another request.
import { expect, test } from '@jest/globals'
import { BODY, chunked, expectError, post, said, servedForTests } from './served.ts'

const served = servedForTests({ headersTimeout: 300, requestTimeout: 600 })

test.failing('a client that keeps its side open after a 408 keeps neither its request nor its socket', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, '', ''))
  expect(said(await client.reply())).toBe('408 request_timeout')
  await client.closed
  const line = served().sidecar.accessLine(({ failure }) => failure === 'client_closed')
  const late = new Promise((resolve) => setTimeout(resolve, 3000, 'still open'))
  expect(await Promise.race([line, late])).toMatchObject({ fault: 'caller' })
})

test.failing('an answer to a broken body is in the dialect of its head', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, '', 'no chunk').replace('/v1/chat/completions', '/v1/messages'))
  const reply = await client.reply()
  expect(said(reply)).toBe('400 malformed_request')
  if (typeof reply === 'object') expectError(reply, 'Anthropic')
})

test.failing('what is malformed behind a request that still waits is not taken for its answer', async () => {
  const client = await served().connect()
  client.write(`${chunked(BODY, 'x-mock-head-delay: 100\r\n')}POST / HTTP/9.9\r\n\r\n`)
  expect(['200', 'closed']).toContain(said(await client.reply()))
})

test.failing('a body that may still come or not is not mixed with the next request', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'Expect: 200-ok\r\n').slice(0, -BODY.length))
  const reply = await client.reply()
  expect(said(reply)).toBe('417 expectation_failed')
  expect(typeof reply === 'object' && reply.headers.connection).toBe('close')
})
