import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { startMock } from '../../mock/server.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import { chatBody, mockForTests, send } from './with-mock.ts'

const mock = mockForTests()
const strict = mockForTests({ keys: ['right'] })
const secure = mockForTests({ tls: { key: KEY, cert: CERTIFICATE, ca: CERTIFICATE, requestCert: true } })

describe('the record', () => {
  test('holds method, path, headers in their own case and order, and the body', async () => {
    mock().clear()
    const path = '/v1/embeddings?a=%20b'
    await send(mock(), { path, headers: { 'X-One': '1' }, body: { model: 'm', input: 'ü' } })
    const recorded = await mock().waitFor((request) => request.finished)
    expect(mock().requests).toEqual([recorded])
    expect(recorded).toMatchObject({ method: 'POST', path, body: '{"model":"m","input":"ü"}', abortedAt: undefined })
    expect(recorded.rawHeaders.slice(4, 6)).toEqual(['X-One', '1'])
    expect(recorded.startedAt).toBeLessThanOrEqual(Date.now())
  })

  test('tells which requests shared a connection', async () => {
    mock().clear()
    const body = '{"model":"m","input":"a"}'
    const one = `POST /v1/embeddings HTTP/1.1\r\nhost: m\r\nauthorization: Bearer k\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const socket = connect(mock().port, '127.0.0.1')
    socket.write(one)
    await mock().waitFor((request) => request.finished)
    mock().clear()
    socket.write(one)
    const second = await mock().waitFor((request) => request.finished)
    socket.destroy()
    await send(mock())
    expect(mock().requests.map((request) => request.connection - second.connection)).toEqual([0, 1])
  })

  test('is bounded to a thousand requests', async () => {
    mock().clear()
    const paths = Array.from({ length: 1003 }, (_, at) => `/v1/models/m${at}`)
    for (let at = 0; at < paths.length; at += 17) {
      await Promise.all(paths.slice(at, at + 17).map((path) => send(mock(), { method: 'GET', path })))
    }
    expect(mock().requests).toHaveLength(1000)
  })
})

describe('credentials', () => {
  test('only the given keys are good', async () => {
    const statuses = ['right', 'wrong'].map(async (key) => {
      const answer = await send(strict(), { headers: { authorization: `Bearer ${key}` } })
      return answer.status
    })
    expect(await Promise.all(statuses)).toEqual([200, 401])
  })

  test('a bad key is refused before a behaviour, a path or a model is looked at', async () => {
    const headers = { authorization: 'Bearer invalid', 'x-mock-status': '500' }
    expect((await send(mock(), { headers, path: '/nowhere' })).status).toBe(401)
  })
})

describe('headers of the providers', () => {
  const cases: [string, string, object, RegExp[]][] = [
    [
      'OpenAI',
      '/v1/chat/completions',
      chatBody(),
      [/^x-request-id: req_\w{32}$/m, /^x-ratelimit-reset-requests: 6ms$/m],
    ],
    [
      'Azure',
      '/openai/v1/responses',
      { model: 'm', input: 'a' },
      [/^apim-request-id: /m, /^x-ratelimit-reset-tokens: 7$/m],
    ],
    [
      'Anthropic',
      '/v1/messages/count_tokens',
      chatBody(),
      [/^request-id: req_01\w{22}$/m, /^anthropic-ratelimit-input-tokens-reset: \d{4}-\d\d-\d\dT[\d:]+Z$/m],
    ],
    ['Gemini', '/v1beta/models/g:countTokens', { contents: [] }, [/^server-timing: /m]],
  ]

  test.each(cases)('%s', async (_, path, body, expected) => {
    const headers = { 'anthropic-version': '2023-06-01' }
    const answer = await send(mock(), { path, body, headers })
    const text = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`)
    expect(answer.status).toBe(200)
    for (const pattern of expected) expect(text.join('\n')).toMatch(pattern)
  })
})

describe('paths', () => {
  test('an unknown path is 404 in the dialect that the headers speak', async () => {
    const openai = await send(mock(), { path: '/v1/nothing' })
    const anthropic = await send(mock(), { path: '/v1/nothing', headers: { 'anthropic-version': '2023-06-01' } })
    expect([openai.status, anthropic.status]).toEqual([404, 404])
    expect(JSON.parse(anthropic.body.toString())).toMatchObject({ type: 'error', error: { type: 'not_found_error' } })
  })

  test.each([
    ['openai', {}, { object: 'list' }],
    ['anthropic', { 'anthropic-version': '2023-06-01' }, { has_more: false }],
    ['gemini', { 'x-goog-api-key': 'k' }, { models: [{ version: '001' }] }],
  ])('/v1/models speaks %s when the headers do', async (_, headers, expected) => {
    const { body } = await send(mock(), { method: 'GET', path: '/v1/models', headers })
    const answer = JSON.parse(body.toString())
    expect({ ...answer, models: answer.models?.slice(0, 1) }).toMatchObject(expected)
  })

  test('a broken escape in a path is just a name', async () => {
    expect((await send(mock(), { method: 'GET', path: '/v1/models/%zz' })).status).toBe(200)
  })
})

describe('realtime', () => {
  const open = (path: string, headers: Record<string, string>) =>
    new WebSocket(mock().url.replace('http', 'ws') + path, { headers })

  test('greets with session.created and echoes every event', async () => {
    mock().clear()
    const client = open('/v1/realtime?model=gpt-realtime', { authorization: 'Bearer k', 'x-one': '1' })
    const [created] = await once(client, 'message')
    client.send('{"type":"response.create", "n":1}')
    const [echo] = await once(client, 'message')
    client.send('not json')
    const [refused] = await once(client, 'message')
    client.close()
    const recorded = await mock().waitFor((request) => request.finished)
    expect(JSON.parse(String(created))).toMatchObject({ type: 'session.created', session: { model: 'gpt-realtime' } })
    expect(String(echo)).toBe('{"type":"response.create", "n":1}')
    expect(JSON.parse(String(refused))).toMatchObject({ type: 'error' })
    expect(recorded.rawHeaders).toEqual(expect.arrayContaining(['x-one', '1', 'Bearer k']))
  })

  test('takes the key as a subprotocol and does not send it back', async () => {
    const url = `${mock().url.replace('http', 'ws')}/v1/realtime`
    const client = new WebSocket(url, ['realtime', 'openai-insecure-api-key.sk-browser'])
    await once(client, 'message')
    expect(client.protocol).toBe('realtime')
    client.terminate()
  })

  test.each([
    ['/v1/realtime', 'invalid', 401],
    ['/v1/chat/completions', 'k', 404],
    ['/v1/realtime?model=mock-status-503', 'k', 503],
  ])('answers an upgrade of %s with key %s: %i', async (path, key, status) => {
    const [, response] = await once(open(path, { authorization: `Bearer ${key}` }), 'unexpected-response')
    expect(response.statusCode).toBe(status)
    response.destroy()
  })
})

describe('TLS', () => {
  test('asks for a client certificate and records it with the name asked for', async () => {
    const client = { key: KEY, cert: CERTIFICATE, ca: CERTIFICATE, servername: 'mock.test', agent: new Agent() }
    const request = httpsRequest(`${secure().url}/v1/models`, { ...client, headers: { authorization: 'Bearer k' } })
    request.end()
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    const anonymous = httpsRequest(`${secure().url}/v1/models`, { ca: CERTIFICATE, agent: false }).end()
    const [refused] = await once(anonymous, 'error')
    expect(secure().url).toMatch(/^https:/)
    expect(response.statusCode).toBe(200)
    expect(secure().requests.map((recorded) => recorded.tls)).toEqual([
      { serverName: 'mock.test', clientName: 'localhost' },
    ])
    expect(refused).toHaveProperty('code')
  })
})

describe('closing', () => {
  test('ends stalled answers and open sockets, and rejects who still waits', async () => {
    const closing = await startMock({ always: { stall: '' } })
    const stalled = send(closing).catch((error: unknown) => error)
    const socket = new WebSocket(`${closing.url.replace('http', 'ws')}/v1/realtime`, {
      headers: { authorization: 'Bearer k' },
    })
    const closed = once(socket, 'close')
    await once(socket, 'message')
    await closing.waitFor((request) => request.path === '/v1/chat/completions' && request.bodyComplete)
    const waiting = closing.waitFor((request) => request.path === '/never').catch((error: unknown) => error)
    await closing.close()
    await closed
    expect(await stalled).toMatchObject({ code: 'ECONNRESET' })
    expect(await waiting).toBeInstanceOf(Error)
    expect(closing.requests.map((request) => request.abortedAt)).toEqual([undefined, undefined])
  })

  test('frees the port, and a port in use rejects', async () => {
    const first = await startMock({ always: {} })
    await expect(startMock({ port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await first.close()
    const second = await startMock({ port: first.port })
    expect(second.port).toBe(first.port)
    await second.close()
  })
})
