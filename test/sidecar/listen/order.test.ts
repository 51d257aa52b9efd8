// Several requests on one connection, and clients that take their time or leave.
import { expect, test } from '@jest/globals'
import { BODY, chunked, HOST, post, said, servedForTests } from './served.ts'

const served = servedForTests()

/** The mock repeats the last message, so each reply shows which request it answers. */
function saying(words: string, more = ''): string {
  return BODY.replace('"hi"', `"${words}"`).replace('{', `{${more}`)
}

async function replies(bytes: string, methods: readonly string[]): Promise<string[]> {
  const client = await served().connect()
  client.write(bytes)
  const seen: string[] = []
  for (const method of methods) {
    const reply = await client.reply(method)
    seen.push(typeof reply === 'string' ? reply : `${said(reply)} ${/word-\d+/.exec(reply.body)?.[0] ?? ''}`.trim())
  }
  expect(await served().carriesOn(client)).toBe(true)
  return seen
}

test.each([2, 10])('%d requests in one write are answered in order, each whole', async (count) => {
  const numbers = Array.from({ length: count }, (_, i) => i)
  const bytes = numbers.map((i) => post(saying(`word-${i}`))).join('')
  expect(await replies(bytes, Array(count).fill('POST'))).toEqual(numbers.map((i) => `200 word-${i}`))
})

test('in order, however long the first takes', async () => {
  const bytes = post(saying('word-0'), 'x-mock-head-delay: 100\r\n') + post(saying('word-1'))
  expect(await replies(bytes, ['POST', 'POST'])).toEqual(['200 word-0', '200 word-1'])
})

test('a stream in the middle', async () => {
  const bytes =
    post(saying('word-0')) +
    post(saying('word-1', '"stream":true,'), 'x-mock-chunk-delay: 5\r\n') +
    post(saying('word-2'))
  const client = await served().connect()
  client.write(bytes)
  expect(said(await client.reply())).toBe('200')
  const stream = await client.reply()
  expect(stream).toMatchObject({ status: 200, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining('word-2') })
})

test('a large stream that had to wait for its turn comes whole', async () => {
  const client = await served().connect()
  client.write(
    post(saying('first'), 'x-mock-head-delay: 200\r\n') +
      post(saying('second', '"stream":true,'), 'x-mock-words: 20000\r\n'),
  )
  expect(said(await client.reply())).toBe('200')
  const stream = await client.reply()
  expect(stream).toMatchObject({ status: 200, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
  expect(typeof stream === 'object' && stream.body.split('\n\n').length).toBeGreaterThan(20_000)
})

test('requests of every kind, served and refused, mixed', async () => {
  const bytes = [
    post(saying('word-0')),
    post(saying('x'), 'Origin: https://evil.example\r\n'),
    `GET /v1/models HTTP/1.1\r\n${HOST}\r\n`,
    `HEAD /nowhere HTTP/1.1\r\n${HOST}\r\n`,
    post('{}'),
    post(saying('word-1').replace('small', 'nobody')),
    post(saying('word-2')),
  ]
  expect(await replies(bytes.join(''), ['POST', 'POST', 'GET', 'HEAD', 'POST', 'POST', 'POST'])).toEqual([
    '200 word-0',
    '403 origin_not_allowed',
    '200',
    '404 unknown_path',
    '400 missing_model',
    '404 model_not_found',
    '200 word-2',
  ])
})

test('what is malformed behind a good request does not take its answer away', async () => {
  const client = await served().connect()
  client.write(`${post(saying('word-0'))}POST / HTTP/9.9\r\n\r\n`)
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining('word-0') })
  expect(said(await client.reply())).toBe('400 malformed_request')
  await client.closed
})

test('every way of cutting two requests into two writes', async () => {
  const bytes = post(saying('word-0')) + post(saying('word-1'))
  const client = await served().connect()
  for (let at = 1; at < bytes.length; at++) {
    client.write(bytes.slice(0, at))
    await new Promise((resolve) => setImmediate(resolve))
    client.write(bytes.slice(at))
    for (const word of ['word-0', 'word-1']) {
      expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining(word) })
    }
  }
})

test('one byte at a time', async () => {
  const client = await served().connect()
  for (const byte of post(saying('word-0'))) {
    client.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining('word-0') })
  expect(await served().carriesOn(client)).toBe(true)
})

test('a client that ends its side has left: the provider sees its request aborted, and the connection closes', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'x-mock-stall: \r\n'))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  client.socket.end()
  await client.closed
  await served().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect(client.unread).toBe('')
})

test('a client that leaves with its request half sent is nobody’s failure but its own', async () => {
  const client = await served().connect()
  client.write(post(BODY).slice(0, -5))
  client.socket.end()
  await client.closed
  const line = await served().sidecar.accessLine(({ status }) => status === 499)
  expect(line).toMatchObject({ status: 499 })
  expect(served().mock.requests).toEqual([])
})

test('a client that sends on while it waits, and then leaves, is noticed', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'x-mock-stall: \r\n'))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  for (let i = 0; i < 3; i++) client.write(post(BODY))
  client.leave()
  await served().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect(served().mock.requests.length).toBe(1)
})

test('a client that sends on without end while it waits is cut off', async () => {
  const client = await served().connect()
  client.write(post(BODY, 'x-mock-stall: \r\n'))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  client.write(post(BODY.padEnd(200_000)))
  await client.closed
  await served().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect(served().mock.requests.length).toBe(1)
})

test('a client that does not read is waited for, and gets all of it', async () => {
  const client = await served().connect()
  client.socket.pause()
  client.write(post(saying('x', '"stream":true,'), 'x-mock-words: 60000\r\n'))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  // Others are served meanwhile.
  const other = await served().connect()
  for (let i = 0; i < 20; i++) {
    other.write(post(BODY))
    expect(said(await other.reply())).toBe('200')
  }
  client.socket.resume()
  const stream = await client.reply()
  expect(stream).toMatchObject({ status: 200, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
})

test('a connection carries any number of requests', async () => {
  const client = await served().connect()
  for (let i = 0; i < 50; i++) {
    client.write(post(BODY))
    expect(said(await client.reply())).toBe('200')
  }
})

const WAITS = 'x-mock-head-delay: 100\r\n'

test('requests that node:http has read are answered one after the other, too', async () => {
  const bytes = [
    chunked(saying('word-0'), WAITS),
    chunked(saying('word-1', '"stream":true,'), 'x-mock-chunk-delay: 5\r\n'),
    chunked(saying('word-2')),
  ]
  const client = await served().connect()
  client.write(bytes.join(''))
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining('word-0') })
  expect(served().mock.requests.length).toBeLessThan(3)
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
  expect(await client.reply()).toMatchObject({ status: 200, body: expect.stringContaining('word-2') })
  expect(await served().carriesOn(client)).toBe(true)
})

test('of a client that leaves, no request is begun that waited for its turn', async () => {
  const client = await served().connect()
  client.write(chunked(BODY, 'x-mock-stall: \r\n') + chunked(BODY) + chunked(BODY))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  client.leave()
  await served().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect(served().mock.requests.length).toBe(1)
})

test.each([
  ['many requests', chunked(BODY).repeat(200)],
  ['a large body', chunked('x'.repeat(500_000))],
])('a client that sends %s ahead, behind a request that waits, is cut off', async (_name, ahead) => {
  const client = await served().connect()
  client.write(chunked(BODY, 'x-mock-stall: \r\n'))
  await served().mock.waitFor(({ bodyComplete }) => bodyComplete)
  client.write(ahead)
  await client.closed
  await served().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect(served().mock.requests.length).toBe(1)
})

test('a request right behind a body whose reply came early is answered', async () => {
  const client = await served().connect()
  const early = post('x'.repeat(300_000), 'Origin: https://evil.example\r\n')
  client.write(early.slice(0, -100))
  expect(said(await client.reply())).toBe('403 origin_not_allowed')
  client.write(early.slice(-100) + post(BODY))
  expect(said(await client.reply())).toBe('200')
})
