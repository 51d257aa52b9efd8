import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { chatBody, mockForTests, type RawRequest, send } from './with-mock.ts'

const mock = mockForTests()

/** A request with these behaviours as headers. */
function ask(behaviours: Readonly<Record<string, string>>, request: RawRequest = {}) {
  const headers = Object.entries(behaviours).map(([name, value]) => [`x-mock-${name}`, value])
  return send(mock(), { ...request, headers: { ...request.headers, ...Object.fromEntries(headers) } })
}

const STREAM = { body: chatBody({ stream: true }) }
/** Role, four words, finish, [DONE]. */
const STREAM_EVENTS = 7

function eventsOf(body: Buffer): string[] {
  return body.toString().split('\n\n').slice(0, -1)
}

/** Sends one request over a plain socket and resolves with every byte until the server ends the connection. */
async function bytesUntilEnd(behaviours: string, body: object = chatBody({ stream: true })): Promise<string[]> {
  const json = JSON.stringify(body)
  const socket = connect(mock().port, '127.0.0.1')
  const reads: string[] = []
  socket.on('data', (bytes) => reads.push(bytes.toString('latin1')))
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer k\r\n${behaviours}` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  )
  await once(socket, 'close')
  return reads
}

describe('status', () => {
  const cases = [
    ['/v1/chat/completions', { error: { type: 'server_error', code: 'overloaded' } }],
    ['/v1/messages', { type: 'error', error: { type: 'overloaded_error' } }],
    ['/v1beta/models/gemini-2.5-flash:generateContent', { error: { code: 529, status: 'UNAVAILABLE' } }],
  ] as const

  test.each(cases)('529 at %s has the body of its dialect', async (path, expected) => {
    const answer = await ask({ status: '529' }, { path })
    expect(answer.status).toBe(529)
    expect(JSON.parse(answer.body.toString())).toMatchObject(expected)
  })

  test('passes retry-after as it was given, seconds or date', async () => {
    const date = 'Sat, 21 Nov 2026 12:00:00 GMT'
    const answers = await Promise.all([
      ask({ status: '429', 'retry-after': '7' }),
      ask({ status: '503', 'retry-after': date }),
      ask({ 'retry-after': '53' }),
    ])
    expect(answers.map(({ status, headers }) => [status, headers['retry-after']])).toEqual([
      [429, '7'],
      [503, date],
      [200, '53'],
    ])
  })

  test('takes another error code', async () => {
    const { body } = await ask({ status: '429', 'error-code': 'insufficient_quota' })
    expect(JSON.parse(body.toString()).error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' })
  })
})

describe('who asks', () => {
  const statusOf = async (request: RawRequest) => (await send(mock(), request)).status

  test('a model, a credential, or both, the model first', async () => {
    const key = { authorization: 'Bearer sk-mock-status-402' }
    expect(await statusOf({ body: chatBody({ model: 'mock-status-418' }) })).toBe(418)
    expect(await statusOf({ headers: key })).toBe(402)
    expect(await statusOf({ headers: key, body: chatBody({ model: 'mock-status-418' }) })).toBe(418)
  })

  test('several behaviours in one model', async () => {
    const { body } = await send(mock(), { body: chatBody({ model: 'mock-words-3+cached-1' }) })
    expect(JSON.parse(body.toString())).toMatchObject({
      choices: [{ message: { content: 'the outrigger keeps' } }],
      usage: { prompt_tokens_details: { cached_tokens: 1 } },
    })
  })

  test('the mock itself, for its next requests', async () => {
    mock().next({ status: '529' }, {}, { status: '500' })
    expect([await statusOf({}), await statusOf({}), await statusOf({}), await statusOf({})]).toEqual([
      529, 200, 500, 200,
    ])
  })

  test('a model whose name only looks like a behaviour is a model', async () => {
    expect(await statusOf({ body: chatBody({ model: 'mock-gpt' }) })).toBe(200)
  })

  const wrong = [
    { statsu: '500' },
    { status: '99' },
    { 'head-delay': 'soon' },
    { cut: 'off' },
    { 'chunk-size': '0' },
    { 'error-in-stream': '3' },
  ]
  test.each(wrong)('a typo is refused: %j', async (behaviours) => {
    expect((await ask(behaviours as Record<string, string>)).status).toBe(400)
  })
})

describe('delays and stalls', () => {
  test('head-delay and chunk-delay pass before anything else is sent', async () => {
    const started = performance.now()
    const { body } = await ask({ 'head-delay': '30', 'chunk-delay': '10' }, STREAM)
    expect(eventsOf(body)).toHaveLength(STREAM_EVENTS)
    // Timers may fire a millisecond early.
    expect(performance.now() - started).toBeGreaterThanOrEqual(30 + 10 * (STREAM_EVENTS - 1) - STREAM_EVENTS)
  })

  const endless = [
    { stall: '' },
    { stall: '0' },
    { stall: '2' },
    { 'head-delay': '600000' },
    { 'chunk-delay': '600000' },
  ] as const
  test.each(endless)('a client that leaves is noticed while the mock waits: %j', async (behaviour) => {
    mock().clear()
    const [[name, value] = ['', '']] = Object.entries(behaviour)
    const body = JSON.stringify(chatBody({ stream: true }))
    const socket = connect(mock().port, '127.0.0.1')
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer k\r\nx-mock-${name}: ${value}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    )
    await mock().waitFor((request) => request.bodyComplete)
    socket.destroy()
    const aborted = await mock().waitFor((request) => request.abortedAt !== undefined)
    expect(aborted.finished).toBe(false)
  })

  test('a stall after n events has sent exactly these', async () => {
    const controller = new AbortController()
    const answer = await fetch(`${mock().url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'x-mock-stall': '3' },
      body: JSON.stringify(chatBody({ stream: true })),
      signal: controller.signal,
    })
    let text = ''
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString()
      if (eventsOf(Buffer.from(text)).length === 3) break
    }
    controller.abort()
    expect(text).toMatch(/"content":" said:"\},"logprobs":null,"finish_reason":null\}\]\}\n\n$/)
  })
})

describe('cuts', () => {
  test('a stream is broken off after n events, which all arrive', async () => {
    const { body, complete } = await ask({ 'cut-after-events': '3' }, STREAM)
    expect(eventsOf(body)).toHaveLength(3)
    expect(complete).toBe(false)
  })

  test('a stream ends cleanly after n events, without its terminal event', async () => {
    const { body, complete } = await ask({ 'cut-after-events': '3', cut: 'clean' }, STREAM)
    expect(eventsOf(body)).toHaveLength(3)
    expect(complete).toBe(true)
  })

  test('a stream is broken off after n bytes, in the middle of an event', async () => {
    const { body, complete } = await ask({ 'cut-after-bytes': '100' }, STREAM)
    expect(body).toHaveLength(100)
    expect(complete).toBe(false)
  })

  test('a whole body is cut although its length was announced', async () => {
    const { body, headers, complete } = await ask({ 'cut-after-bytes': '10' })
    expect(Number(headers['content-length'])).toBeGreaterThan(10)
    expect([body.length, complete]).toEqual([10, false])
  })

  test('a cut is neither finished nor aborted in the record', async () => {
    mock().clear()
    await ask({ 'cut-after-events': '1' }, STREAM)
    await ask({}) // The next answer proves that the first connection's end was seen.
    expect(mock().requests[0]).toMatchObject({ finished: false, abortedAt: undefined })
  })

  test('cut: rst comes as a TCP reset', async () => {
    const error = await bytesUntilEnd('x-mock-cut-after-events: 1\r\nx-mock-cut: rst\r\n').catch(
      (failure: unknown) => failure,
    )
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('the shape of the body', () => {
  test('chunk-size puts every n bytes in a chunk of their own', async () => {
    const wire = (await bytesUntilEnd('x-mock-chunk-size: 100\r\nx-mock-close: 1\r\n')).join('')
    const sizes = [...wire.matchAll(/^([0-9a-f]+)\r$/gm)].map((match) => Number.parseInt(match[1] ?? '', 16))
    expect(sizes.length).toBeGreaterThan(STREAM_EVENTS * 2)
    expect(Math.max(...sizes)).toBe(100)
    expect(sizes.at(-1)).toBe(0)
  })

  test('gzip comes though nobody asked, and each event can be read as it comes', async () => {
    const unary = await ask({ gzip: '1' })
    const streamed = await ask({ gzip: '1', 'cut-after-events': '2', cut: 'clean' }, STREAM)
    const whole = await ask({ gzip: '1' }, STREAM)
    expect(unary.headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(unary.body).toString()).object).toBe('chat.completion')
    expect(eventsOf(gunzipSync(streamed.body, { finishFlush: 2 }))).toHaveLength(2)
    expect(eventsOf(gunzipSync(whole.body))).toHaveLength(STREAM_EVENTS)
  })

  test('no-length delimits the body by the end of the connection', async () => {
    const { headers, body } = await ask({ 'no-length': '1' })
    expect([headers['content-length'], headers['transfer-encoding']]).toEqual([undefined, undefined])
    expect(headers.connection).toBe('close')
    expect(JSON.parse(body.toString()).object).toBe('chat.completion')
  })

  test('close, trailers and early hints', async () => {
    const plain = await ask({})
    const answer = await ask({ close: '1', trailers: '1', 'early-hints': '1' })
    expect(plain).toMatchObject({ informational: [], trailers: {} })
    expect(answer).toMatchObject({ informational: [103], trailers: { 'x-mock-trailer': 'complete' } })
    expect(answer.headers).toMatchObject({ connection: 'close', trailer: 'x-mock-trailer' })
  })

  test('words makes an answer of any length, streamed word by word', async () => {
    const { body } = await ask({ words: '5000' }, STREAM)
    expect(eventsOf(body)).toHaveLength(5000 + 3)
  })

  test('a request of megabytes is not echoed whole', async () => {
    const content = 'x'.repeat(2_000_000)
    const { body } = await send(mock(), { body: chatBody({ messages: [{ role: 'user', content }] }) })
    expect(body.length).toBeLessThan(10_000)
    expect(JSON.parse(body.toString()).usage.prompt_tokens).toBe(500_000)
  })
})

describe('errors in a stream', () => {
  const gemini = '/v1beta/models/g:streamGenerateContent'
  const geminiBody = { contents: [{ parts: [{ text: 'Hello there' }] }] }
  const anthropicBody = { ...chatBody({ stream: true }), max_tokens: 9 }
  const cases: [string, RawRequest, RegExp][] = [
    ['chat', STREAM, /^data: \{"error":\{"message":.*\}\}\n\n$/],
    [
      'responses',
      { path: '/v1/responses', body: { model: 'm', input: 'Hi', stream: true } },
      /^event: error\ndata: \{"type":"error","error":\{.*"sequence_number":0\}\n\n$/,
    ],
    [
      'messages',
      { path: '/v1/messages', headers: { 'anthropic-version': '2023-06-01' }, body: anthropicBody },
      /^event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error".*\}\n\n$/,
    ],
    ['gemini events', { path: `${gemini}?alt=sse`, body: geminiBody }, /^\{\n {2}"error": \{\n[^\r]*\}$/],
    ['gemini array', { path: gemini, body: geminiBody }, /^\[\{\n {2}"error": \{\n[^\r]*\}\n\]\n$/],
  ]

  test.each(cases)('%s: the only event, in the form that its SDKs raise', async (_, request, expected) => {
    const answer = await ask({ 'error-in-stream': 'first' }, request)
    expect(answer).toMatchObject({ status: 200, complete: true })
    expect(answer.body.toString()).toMatch(expected)
  })

  test('after n events nothing follows it', async () => {
    const events = eventsOf((await ask({ 'error-in-stream': 'after-3' }, STREAM)).body)
    expect(events).toHaveLength(4)
    expect(events[3]).toContain('"error"')
  })
})

describe('echo-key', () => {
  const cases = [
    ['/v1/chat/completions', { authorization: 'Bearer sk-secret' }],
    ['/v1/messages', { authorization: '', 'x-api-key': 'sk-secret' }],
    ['/v1beta/models/g:generateContent', { authorization: '', 'x-goog-api-key': 'sk-secret' }],
    ['/openai/v1/responses', { authorization: '', 'api-key': 'sk-secret' }],
  ] as const

  test.each(cases)('repeats the credential of %s in the body and in a header', async (path, headers) => {
    const answer = await ask({ 'echo-key': '1' }, { path, headers })
    expect(answer.status).toBe(401)
    expect(answer.body.toString()).toContain('sk-secret')
    expect(answer.headers['x-mock-key']).toBe('sk-secret')
  })

  test('repeats it with another status, and in a stream', async () => {
    const failed = await ask({ 'echo-key': '1', status: '500' })
    const streamed = await ask({ 'echo-key': '1', 'error-in-stream': 'after-1' }, STREAM)
    expect([failed.status, failed.body.toString().includes('sk-test')]).toEqual([500, true])
    expect(eventsOf(streamed.body)[1]).toContain('sk-test')
  })
})
