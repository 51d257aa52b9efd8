// What the framing tests talk to: a sidecar before a mock that has two models, and requests written out.
import { afterEach, expect } from '@jest/globals'
import type { Mock } from '../../../mock/server.ts'
import type { SidecarSettings } from '../../../sidecar/settings.ts'
import { mockForTests } from '../../mock/with-mock.ts'
import { sidecarForTests, type TestSidecar } from '../../support/sidecar.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'
import { RawClient, type RawReply } from './raw-client.ts'

export const HOST = 'Host: 127.0.0.1:8787\r\n'
export const PROVIDER_KEY = 'sk-of-the-platform-team-0001'
export const CHAT = '/v1/chat/completions'
export const BODY = '{"model":"small","messages":[{"role":"user","content":"hi"}]}'

export interface Served {
  readonly mock: Mock
  readonly sidecar: TestSidecar
  connect(): Promise<RawClient>
  /** Whether the connection still carries a request: what came before was framed as both sides believe. */
  carriesOn(client: RawClient): Promise<boolean>
  /** Bodies that reached the provider since the test began. */
  bodies(): string[]
}

export function servedForTests(settings: Partial<SidecarSettings> = {}): () => Served {
  const mock = mockForTests()
  const sidecar = sidecarForTests(() => ({ config: document(mock().url), keys: { key: PROVIDER_KEY } }), settings)
  const clients: RawClient[] = []
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave()
    mock().clear()
  })
  return () => ({
    mock: mock(),
    sidecar: sidecar(),
    async connect() {
      const client = await RawClient.connect(sidecar().url)
      clients.push(client)
      return client
    },
    async carriesOn(client) {
      const seen = mock().requests.length
      client.write(post(BODY))
      const reply = await client.reply()
      return reply !== 'closed' && reply !== 'cut' && reply.status === 200 && mock().requests.length === seen + 1
    },
    bodies: () => mock().requests.map(({ body }) => body),
  })
}

function document(mockUrl: string): ReturnType<typeof sidecarConfig> {
  const credentials = [{ name: 'primary', file: 'key', weight: 1 }]
  const rest = { streamUsage: 'AsSent' as const, credentials }
  return sidecarConfig({
    providers: [
      provider('shop/openai', 'OpenAI', ['small=small', 'large=large-2026'], { baseURL: `${mockUrl}/v1`, ...rest }),
      provider('shop/anthropic', 'Anthropic', ['claude'], { baseURL: mockUrl, ...rest }),
      provider('shop/gemini', 'Gemini', ['flash'], { baseURL: mockUrl, ...rest }),
    ],
  })
}

/** `headers` is lines with their CR LF. */
export function post(body: string, headers = '', target = CHAT): string {
  return `POST ${target} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`
}

export function chunked(body: string, headers = '', last = '0\r\n\r\n'): string {
  const size = Buffer.byteLength(body, 'latin1').toString(16)
  return `POST ${CHAT} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${headers}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${body}\r\n${last}`
}

/** `200`, or `403 host_not_allowed`; `closed` and `cut` as they are. */
export function said(reply: RawReply | 'closed' | 'cut'): string {
  if (typeof reply === 'string') return reply
  const reason = reply.headers['x-outrigger-reason']
  return reason === undefined ? String(reply.status) : `${reply.status} ${reason}`
}

/** Every refusal is JSON that an SDK can read. */
export function expectError(reply: RawReply, dialect: 'OpenAI' | 'Anthropic' | 'Gemini'): void {
  const body = JSON.parse(reply.body) as Record<string, Record<string, unknown>>
  expect(reply.headers['content-type']).toBe('application/json')
  const shapes = {
    OpenAI: { error: { message: expect.any(String), type: expect.any(String), param: null, code: expect.any(String) } },
    Anthropic: { type: 'error', error: { type: expect.any(String), message: expect.any(String) } },
    Gemini: { error: { code: reply.status, message: expect.any(String), status: expect.any(String) } },
  }
  expect(body).toMatchObject(shapes[dialect])
}
