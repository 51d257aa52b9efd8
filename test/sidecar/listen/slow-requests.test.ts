// Requests that do not arrive in time are answered with 408 and their connections closed. The limits are checked about once a
// second, so that is how late the answer may come.
import { expect, test } from '@jest/globals'
import type { RawClient } from './raw-client.ts'
import { BODY, CHAT, chunked, HOST, post, said, servedForTests } from './served.ts'

const served = servedForTests({ headersTimeout: 300, requestTimeout: 600 })
const ANSWERED_WITHIN_MS = 5000

/** `408 request_timeout`, and that the connection closed behind it in time. */
async function outcome(client: RawClient): Promise<string> {
  const startedAt = performance.now()
  const reply = said(await client.reply())
  await client.closed
  return performance.now() - startedAt < ANSWERED_WITHIN_MS ? reply : `${reply}, late`
}

const HALVES: readonly (readonly [name: string, bytes: string])[] = [
  ['a request line that does not end', `POST ${CHAT}`],
  ['a head that does not end', `POST ${CHAT} HTTP/1.1\r\n${HOST}X: `],
  ['a body that does not come', post(BODY).slice(0, -BODY.length)],
  ['a body that does not end', post(BODY).slice(0, -1)],
  ['a large body that does not end', post(BODY.padEnd(100_000)).slice(0, 70_000)],
  ['chunks that do not end', chunked(BODY, '', '')],
  ['a chunk size that does not end', `POST ${CHAT} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5`],
]

const TRICKLED: readonly (readonly [name: string, bytes: string])[] = [
  ['a head of which a byte comes now and then', `POST ${CHAT} HTTP/1.1\r\n${HOST}X: `],
  ['a body of which a byte comes now and then', post(BODY).slice(0, -50)],
]

// All at the same time, since each takes its time.
test('what does not come, or does not come to its end, is refused', async () => {
  const outcomes = [...HALVES, ...TRICKLED].map(async ([name, bytes], at) => {
    const client = await served().connect()
    client.write(bytes)
    const trickle = at < HALVES.length ? undefined : setInterval(() => client.write('x'), 100)
    const seen = await outcome(client)
    clearInterval(trickle)
    return [name, seen]
  })
  expect(await Promise.all(outcomes)).toEqual([...HALVES, ...TRICKLED].map(([name]) => [name, '408 request_timeout']))
  expect(served().mock.requests).toEqual([])
})

test('the second request of a connection has limits of its own', async () => {
  const client = await served().connect()
  client.write(post(BODY))
  expect(said(await client.reply())).toBe('200')
  client.write(post(BODY).slice(0, -1))
  expect(await outcome(client)).toBe('408 request_timeout')
})

test('an answer may take longer than its request was allowed to', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'x-mock-head-delay: 2500\r\n'))
  expect(said(await client.reply())).toBe('200')
})

test('an idle connection is no slow request', async () => {
  const client = await served().connect()
  client.write(post(BODY))
  expect(said(await client.reply())).toBe('200')
  // As long as it takes until a slow one was found: by then this one would have been, too.
  const slow = await served().connect()
  slow.write('POST ')
  expect(said(await slow.reply())).toBe('408 request_timeout')
  expect(await served().carriesOn(client)).toBe(true)
})
