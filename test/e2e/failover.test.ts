// A provider that fails is not the application's problem: whatever it does before its first word, the official clients get
// the whole answer of the next one, and the headers and the access log say what happened.
import { describe, expect, test } from '@jest/globals'
import type { Asked } from '../../mock/behaviours.ts'
import { comparable } from './comparable.ts'
import { HELPERS, ITERATORS, type StreamReader, UNARY } from './streams.ts'
import { lineOf, REFUSED, type TwoBackends, twoBackendsForTests } from './two-backends.ts'

type Reader = Omit<StreamReader, 'events'>

const STREAMS: readonly Reader[] = [...ITERATORS, ...HELPERS]
const ALL: readonly Reader[] = [...STREAMS, ...UNARY]

/** What the first one does, and the access log's words for it. */
type Fault = readonly [name: string, asked: Asked, tried: Readonly<Record<string, unknown>>]

const ANSWERED_WITH_ERROR: readonly Fault[] = [
  ['500', { status: '500' }, { outcome: 'provider_error', status: 500, reason: 'ServerError' }],
  ['529', { status: '529' }, { outcome: 'provider_error', status: 529, reason: 'ServerError' }],
  [
    '429 with a Retry-After that is too long to wait',
    { status: '429', 'retry-after': '30' },
    { outcome: 'provider_rate_limited', status: 429, reason: 'RateLimited' },
  ],
  [
    '401, which is about the platform’s key',
    { status: '401' },
    { outcome: 'provider_credentials_exhausted', status: 401, reason: 'ProviderRefused' },
  ],
]

const TRUNCATED = { outcome: 'provider_truncated', status: 200, reason: 'ServerError' }

const CUT: readonly Fault[] = [
  ['a body that ends before it began', { 'cut-after-bytes': '0', cut: 'clean' }, TRUNCATED],
  ['a body that is reset within its first words', { 'cut-after-bytes': '12' }, TRUNCATED],
]

const CUT_STREAM: readonly Fault[] = [
  ['a stream that ends cleanly before its first event', { 'cut-after-events': '0', cut: 'clean' }, TRUNCATED],
  [
    'an error as the first event',
    { 'error-in-stream': 'first' },
    { outcome: 'provider_stream_error', status: 200, reason: 'ServerError' },
  ],
]

const ways = twoBackendsForTests()

describe.each([...ANSWERED_WITH_ERROR, ...CUT])('the first provider answers with %s', (_, asked, tried) => {
  test.each(ALL)('$name gets the whole answer of the second', ({ read }) => secondAnswers(ways(), read, asked, tried))
})

describe.each(CUT_STREAM)('the first provider answers with %s', (_, asked, tried) => {
  test.each(STREAMS)('$name gets the whole answer of the second', ({ read }) =>
    secondAnswers(ways(), read, asked, tried),
  )
})

describe('the first provider answers with overloaded_error behind its start-up events', () => {
  test.each(STREAMS.filter(({ name }) => name.startsWith('anthropic')))(
    '$name gets the whole answer of the second',
    ({ read }) =>
      secondAnswers(
        ways(),
        read,
        { 'error-in-stream': 'after-1' },
        {
          outcome: 'provider_stream_error',
          word: 'overloaded_error',
        },
      ),
  )
})

describe('the first provider refuses connections', () => {
  const refused = twoBackendsForTests({ firstUrl: () => REFUSED })
  const tried = { outcome: 'provider_unreachable', status: null, reason: 'ConnectFailure' }

  test.each(ALL)('$name gets the whole answer of the second', ({ read }) => secondAnswers(refused(), read, {}, tried))
})

/** The sidecar's two attempts are all that was made, and the client's result is the second provider's own. */
async function secondAnswers(
  backends: TwoBackends,
  read: Reader['read'],
  asked: Asked,
  tried: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { first, second, direct, through, tap } = backends
  const expected = await read(direct)
  const askedBefore = second.requests.length
  first.next(asked)
  const result = await read(through)
  const wire = tap.take()

  expect(withoutHeaders(result)).toEqual(withoutHeaders(expected))
  expect(wire).toMatch(/^HTTP\/1\.1 200 /)
  expect(headerOf(wire, 'x-outrigger-provider')).toMatch(/^default\/\w+-second$/)
  expect(headerOf(wire, 'x-outrigger-attempts')).toBe('2')
  expect(second.requests.length - askedBefore).toBe(1)
  expect(await lineOf(backends, wire)).toMatchObject({
    status: 200,
    failure: null,
    attempts: 2,
    provider: expect.stringMatching(/-second$/),
    tries: [
      { provider: expect.stringMatching(/-first$/), why: expect.any(String), ...tried },
      { provider: expect.stringMatching(/-second$/), outcome: 'Answered', status: 200, waitedMs: 0, reason: null },
    ],
  })
}

describe('what was learned of the first provider counts for the next request', () => {
  test.each([
    ['it said to wait', { status: '429', 'retry-after': '30' }, 'RateLimited'],
    ['it refused its only key', { status: '401' }, 'CredentialsSetAside'],
  ] as const)('%s', async (_, asked, word) => {
    const backends = ways()
    const { first, second, through, tap } = backends
    const [chat] = UNARY
    first.next(asked)
    await chat?.read(through)
    tap.take()
    await chat?.read(through)
    expect([first.requests.length, second.requests.length]).toEqual([1, 2])
    expect(await lineOf(backends, tap.take())).toMatchObject({
      attempts: 1,
      provider: 'default/openai-second',
      tries: [
        { provider: 'default/openai-first', outcome: 'Skipped', word },
        { provider: 'default/openai-second', outcome: 'Answered' },
      ],
    })
  })
})

describe('what the caller did wrong', () => {
  test.each(UNARY)('$name is told by the first provider, and no other is asked', async ({ read }) => {
    const { first, second, through } = ways()
    first.next({ status: '422' })
    await expect(read(through)).rejects.toMatchObject({ status: 422 })
    expect([first.requests.length, second.requests.length]).toEqual([1, 0])
  })
})

function headerOf(wire: string, name: string): string | undefined {
  return new RegExp(`^${name}: (\\S+)\\r$`, 'im').exec(wire)?.[1]
}

/** Gemini's results hold the headers of the answer. */
function withoutHeaders(result: unknown): unknown {
  const text = JSON.stringify(comparable(result), (name, value) => (name === 'sdkHttpResponse' ? undefined : value))
  return JSON.parse(text)
}
