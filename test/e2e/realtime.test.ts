// WebSockets through the sidecar: what passes is not touched, the key is swapped, and a refusal is an answer.
import { on, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import WebSocket from 'ws'
import { startMock } from '../../mock/server.ts'
import { startTestSidecar } from '../support/sidecar.ts'
import { CLIENT_KEY, PROVIDER_KEY, providerYaml, routeYaml, SECRET, twoWaysForTests } from './two-ways.ts'

const openAi = (mockUrl: string) =>
  `${SECRET}---\n${providerYaml('openai', `type: OpenAI\n  openAI: {baseURL: ${mockUrl}/v1}`)}`
const ROUTE = routeYaml(
  '[{name: any, matches: [{models: [{type: Prefix, value: gpt-}]}], backends: [{provider: {name: openai}}]}]',
)

const ways = twoWaysForTests((mockUrl) => `${openAi(mockUrl)}---\n${ROUTE}`)

const AUTHORIZED = { headers: { authorization: `Bearer ${CLIENT_KEY}` } }

function realtimeUrl(model: string): string {
  return `${ways().sidecar.url.replace('http', 'ws')}/v1/realtime?model=${model}`
}

/** What comes, in order, from the first message on. */
async function* messagesOf(socket: WebSocket): AsyncGenerator<Buffer> {
  for await (const [data] of on(socket, 'message')) yield data
}

describe('a session', () => {
  test('of the official client: its events come back', async () => {
    const { through, sidecar } = ways()
    // The client knows no other scheme than wss: on loopback it needs to be told how to connect.
    const options = { createConnection: () => net.connect(sidecar.sidecar.dataPlane) }
    const session = new OpenAIRealtimeWS({ model: 'gpt-realtime', options }, through.openai)
    const created = await new Promise((resolve, reject) => {
      session.on('session.created', resolve)
      session.on('error', reject)
    })
    const echoed = new Promise((resolve) => session.on('event', resolve))
    session.send({ type: 'response.create' })
    expect(created).toMatchObject({ session: { model: 'gpt-realtime' } })
    expect(await echoed).toMatchObject({ type: 'response.create' })
    session.close()
    await ways().mock.waitFor(({ finished }) => finished)
  })

  test('of a browser, whose key is a subprotocol', async () => {
    const protocols = ['realtime', `openai-insecure-api-key.${CLIENT_KEY}`]
    const socket = new WebSocket(realtimeUrl('gpt-realtime'), protocols)
    await once(socket, 'open')
    expect(socket.protocol).toBe('realtime')
    await closed(socket)
  })

  test('passes text and binary frames of any size, both ways', async () => {
    const socket = new WebSocket(realtimeUrl('gpt-realtime'), AUTHORIZED)
    const messages = messagesOf(socket)
    await messages.next()
    const sent = [Buffer.from([0, 1, 255]), Buffer.alloc(200_000, 7), Buffer.from(JSON.stringify({ text: '漢🛶' }))]
    for (const frame of sent) {
      socket.send(frame, { binary: frame.length > 50 || frame[0] === 0 })
      expect(frame.equals((await messages.next()).value ?? Buffer.alloc(0))).toBe(true)
    }
    await closed(socket)
  })

  test('authenticates with the provider’s key and leaves one access line behind', async () => {
    const socket = new WebSocket(realtimeUrl('gpt-counted'), AUTHORIZED)
    await once(socket, 'open')
    await closed(socket)
    const line = await ways().sidecar.accessLine(({ requestedModel }) => requestedModel === 'gpt-counted')
    expect(ways().mock.requests[0]?.rawHeaders).toContain(`Bearer ${PROVIDER_KEY}`)
    expect(line).toMatchObject({ status: 101, provider: 'default/openai', route: 'default/all', failure: null })
  })

  test('ends for the provider when the client vanishes', async () => {
    const socket = new WebSocket(realtimeUrl('gpt-realtime'), AUTHORIZED)
    await once(socket, 'open')
    socket.terminate()
    expect((await ways().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)).finished).toBe(false)
  })

  test.each(['provider', 'sidecar'] as const)('ends for the client when the %s goes', async (who) => {
    const mock = await startMock()
    const sidecar = await startTestSidecar(openAi(mock.url))
    const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`, AUTHORIZED)
    await once(socket, 'open')
    const gone = once(socket, 'close')
    await (who === 'provider' ? mock.close() : sidecar.stop())
    await gone
    await (who === 'provider' ? sidecar.stop() : mock.close())
  })
})

describe('an upgrade that is refused is answered', () => {
  test.each([
    ['by Outrigger: no rule for the model', 'other', 404, /No rule of the route/],
    ['by the provider: its status passes', 'gpt-mock-status-429', 429, /./],
  ])('%s', async (_, model, status, body) => {
    const { statusCode, text } = await refusalOf(new WebSocket(realtimeUrl(model), AUTHORIZED))
    expect(statusCode).toBe(status)
    expect(text).toMatch(body)
  })

  test('and the client’s key is not in the answer', async () => {
    const { text } = await refusalOf(new WebSocket(realtimeUrl('other'), AUTHORIZED))
    expect(text).not.toContain(CLIENT_KEY)
  })
})

async function closed(socket: WebSocket): Promise<void> {
  socket.close()
  await once(socket, 'close')
}

async function refusalOf(socket: WebSocket): Promise<{ statusCode: number | undefined; text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    socket.on('unexpected-response', (_, answer) => resolve(answer))
    socket.on('error', reject)
  })
  return { statusCode: response.statusCode, text: Buffer.concat(await response.toArray()).toString() }
}
