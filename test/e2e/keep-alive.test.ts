// Comments before a first token that comes late: the official clients get exactly what they get without, also when another
// provider's answer follows, and raise what goes wrong behind them. A tap on the wire shows that the comments were there.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type LanguageModel, streamText } from 'ai'
import type { Asked } from '../../mock/behaviours.ts'
import { ask, chat } from '../support/client.ts'
import { comparable } from './comparable.ts'
import { HELPERS, ITERATORS } from './streams.ts'
import { lineOf, type TwoBackends, twoBackendsForTests } from './two-backends.ts'
import { type Clients, clientsOf, DIRECT_KEY, failureOf } from './two-ways.ts'

const COMMENT = ': keep-alive\n\n'

/** The first comment waits four times as long until a provider has accepted the request. */
const EVERY_MS = 20

/** Long against that. Both clocks are this process's, so a machine that is held up holds up both. */
const LATE: Asked = { 'head-delay': '150' }
const SLOW: Asked = { 'chunk-delay': '100' }

interface Reader {
  readonly name: string
  read(clients: Clients): Promise<unknown>
}

const openai = ({ origin, apiKey }: Clients) => createOpenAI({ baseURL: `${origin}/v1`, apiKey })
const anthropic = ({ origin, apiKey }: Clients) => createAnthropic({ baseURL: `${origin}/v1`, apiKey })

const AI_SDK: readonly Reader[] = [
  { name: 'ai streamText, OpenAI chat', read: (clients) => streamed(openai(clients).chat('gpt-5-mini')) },
  { name: 'ai streamText, OpenAI responses', read: (clients) => streamed(openai(clients).responses('gpt-5-mini')) },
  { name: 'ai streamText, Anthropic', read: (clients) => streamed(anthropic(clients)('claude-haiku-4-5')) },
]

/** The SDK hands an error on as a part of the stream. */
async function streamed(model: LanguageModel): Promise<unknown> {
  const stream = streamText({ model, prompt: 'Hello there', maxOutputTokens: 100, maxRetries: 0, onError: () => {} })
  const parts: unknown[] = []
  for await (const part of stream.fullStream) {
    if (part.type === 'error') throw part.error
    parts.push({ type: part.type, text: 'text' in part ? part.text : undefined })
  }
  return {
    text: await stream.text,
    usage: await stream.usage,
    finishReason: await stream.finishReason,
    parts,
  }
}

const isGemini = ({ name }: Reader) => name.startsWith('gemini')
const STREAMS: readonly Reader[] = [...ITERATORS.filter((reader) => !isGemini(reader)), ...HELPERS, ...AI_SDK]

/** One for each API, where it is not the SDK that matters. */
const ONE_EACH = STREAMS.slice(0, 4)

const ways = twoBackendsForTests({ settings: { streamKeepAlive: EVERY_MS } })

/** Without legacy completions, whose first event has content in it, so that it cannot hesitate behind that. */
const HESITATING = [...ONE_EACH.filter(({ name }) => name !== 'openai completions.create'), ...AI_SDK]

describe.each([
  ['an answer that begins late', LATE, STREAMS],
  ['an answer that begins, and then hesitates', SLOW, HESITATING],
] as const)('before %s', (_, asked, streams) => {
  test.each(streams)('$name yields what it yields without comments', async ({ read }) => {
    const { first, through, tap } = ways()
    const expected = await read(clientsOf(first.url, DIRECT_KEY))
    first.next(asked)
    const result = await read(through)
    expect(comparable(result)).toEqual(comparable(expected))
    expectComments(tap.take())
  })

  test.each(ITERATORS.filter(isGemini))('$name gets none, since its SDK expects events only', async ({ read }) => {
    const { first, through, tap } = ways()
    first.next(asked)
    expect(JSON.stringify(await read(through))).toContain(' there')
    expect(tap.take()).not.toContain(COMMENT)
  })
})

test('what asks for no stream gets none', async () => {
  const { first, through, tap } = ways()
  first.next(LATE)
  await through.openai.chat.completions.create({ model: 'm', messages: [] })
  expect(tap.take()).not.toContain(COMMENT)
})

test('on the wire they are whole events before the first one, and Outrigger’s headers are there', async () => {
  const { first, tap } = ways()
  first.next(LATE)
  const { status, headers, body, complete } = await ask(`${tap.url}/v1/chat/completions`, {
    body: chat('gpt-5-mini', { stream: true }),
  })
  expect([status, complete, headers['content-type']]).toEqual([200, true, 'text/event-stream'])
  expect(headers['x-outrigger-request-id']).toMatch(/^[\w-]{20,}$/)
  expect(body).toMatch(/^(?:: keep-alive\n\n)+(?:data: .+\n\n)+$/)
  expect(body).toMatch(/data: \[DONE\]\n\n$/)
})

test('a client that leaves behind them was sent a 200', async () => {
  const { first, sidecar } = ways()
  first.next({ 'head-delay': '5000' })
  const left = new AbortController()
  const asked = ask(`${sidecar.url}/v1/chat/completions`, {
    body: chat('gpt-5-mini', { stream: true }),
    signal: left.signal,
    onBody: () => left.abort(),
  })
  await expect(asked).rejects.toThrow('aborted')
  expect(await sidecar.accessLine(({ failure }) => failure === 'client_closed')).toMatchObject({ status: 200 })
})

/** What happens behind the comments, and how the next provider is told of in the access log. */
const FAULTS: readonly (readonly [name: string, asked: Asked, outcome: string])[] = [
  ['500', { ...LATE, status: '500' }, 'provider_error'],
  ['429', { ...LATE, status: '429', 'retry-after': '30' }, 'provider_rate_limited'],
  ['a refusal of the platform’s key', { ...LATE, status: '401' }, 'provider_credentials_exhausted'],
  ['an error as its first event', { ...LATE, 'error-in-stream': 'first' }, 'provider_stream_error'],
  ['no event at all', { ...LATE, 'cut-after-events': '0', cut: 'clean' }, 'provider_truncated'],
]

describe.each(FAULTS)('behind the comments the first provider answers with %s', (_, asked, outcome) => {
  test.each(asked.cut === undefined ? ONE_EACH : STREAMS)(
    '$name gets the whole answer of the second',
    async ({ read }) => {
      const backends = ways()
      const { first, direct, through, tap } = backends
      const expected = await read(direct)
      first.next(asked)
      const result = await read(through)
      const wire = tap.take()
      expect(comparable(result)).toEqual(comparable(expected))
      expectComments(wire)
      expect(await lineOf(backends, wire)).toMatchObject({
        status: 200,
        failure: null,
        attempts: 2,
        tries: [{ outcome }, { outcome: 'Answered' }],
      })
    },
  )
})

describe('behind the comments the first provider sends no stream, though one was asked for', () => {
  let body = ''
  const server = http.createServer((request, response) => {
    request.resume()
    setTimeout(() => response.setHeader('content-type', 'application/json').end(body), Number(LATE['head-delay']))
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(async () => {
    server.closeAllConnections()
    server.close()
  })
  const elsewhere = twoBackendsForTests({
    settings: { streamKeepAlive: EVERY_MS },
    firstUrl: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })

  test.each(
    ONE_EACH.flatMap(({ name, read }) => [
      { name, read, size: 'small', bytes: 100 },
      { name, read, size: 'large', bytes: 400_000 },
    ]),
  )('but a $size document: $name gets the whole answer of the second', async ({ read, bytes }) => {
    body = JSON.stringify({ id: 'x', choices: [], content: [], text: '-'.repeat(bytes) })
    const { direct, through, tap } = elsewhere()
    expect(comparable(await read(through))).toEqual(comparable(await read(direct)))
    expectComments(tap.take())
  })
})

/** What all of them do, and what the clients raise. A status is lost, since 200 was sent: what it was is said in words. */
const ALL_FAIL: readonly (readonly [name: string, asked: Asked, failure: string, says: RegExp, attempts: number])[] = [
  ['500', { ...LATE, status: '500' }, 'provider_error', /answered with an error. It said: 500/, 3],
  ['a refusal of the key', { ...LATE, status: '401' }, 'provider_credentials_exhausted', /yours are not concerned/, 2],
  ['no event at all', { ...LATE, 'cut-after-events': '0' }, 'provider_truncated', /ended its answer too early/, 3],
  [
    'an error as first event',
    { ...LATE, 'error-in-stream': 'first' },
    'provider_stream_error',
    /server had an|overload/i,
    3,
  ],
]

describe.each(ALL_FAIL)('behind the comments all providers answer with %s', (_, asked, failure, says, attempts) => {
  test.each(asked.status === '401' ? ONE_EACH : STREAMS)('$name raises it', async ({ read }) => {
    const backends = ways()
    fail(backends, asked)
    const raised = await failureOf(read(backends.through))
    const wire = backends.tap.take()
    expect(raised).toMatchObject({ message: expect.stringMatching(says) })
    expectComments(wire)
    expect(await lineOf(backends, wire)).toMatchObject({ status: 200, fault: 'provider', failure, attempts })
  })
})

/** As often as the sidecar may ask. */
function fail({ first, second }: TwoBackends, asked: Asked): void {
  for (const mock of [first, second]) mock.next(asked, { ...asked, 'head-delay': '0' }, { ...asked, 'head-delay': '0' })
}

/** At least one, and none behind the first event. */
function expectComments(wire: string): void {
  const event = /^(?:event|data):/m.exec(wire)?.index ?? Number.POSITIVE_INFINITY
  expect(wire.slice(0, event)).toContain(COMMENT)
  expect(wire.slice(event)).not.toContain(COMMENT)
}
