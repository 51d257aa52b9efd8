// A client that goes away takes its upstream request with it, in every phase and whatever client it is.
import { describe, expect, test } from '@jest/globals'
import { ITERATORS, UNARY } from './streams.ts'
import { type Clients, failureOf, oneAttempt, PROVIDER_KEY, twoWaysForTests } from './two-ways.ts'

/** DESIGN: within 100 ms. The fastest of three is compared, because the machine runs other tests beside this one. */
const SEEN_WITHIN_MS = 100
const TRIES = 3

const ways = twoWaysForTests()

const ALL = [...ITERATORS, ...UNARY]

describe('an abort is seen by the provider', () => {
  test.each(ALL)('before the first byte: $name', async ({ read }) => {
    const latencies = await abortLatencies({ stall: 'head' }, async (controller) => {
      const done = read(ways().through, controller.signal)
      await ways().mock.waitFor(({ bodyComplete, abortedAt }) => bodyComplete && abortedAt === undefined)
      return { done, abort: () => controller.abort() }
    })
    expect(Math.min(...latencies)).toBeLessThan(SEEN_WITHIN_MS)
  })

  test.each(ITERATORS)('in the middle of a stream: $name', async ({ read }) => {
    const latencies = await abortLatencies({ words: '500', 'chunk-delay': '20' }, async (controller) => {
      const begun = Promise.withResolvers<void>()
      const done = read(ways().through, controller.signal, begun.resolve)
      await begun.promise
      return { done, abort: () => controller.abort() }
    })
    expect(Math.min(...latencies)).toBeLessThan(SEEN_WITHIN_MS)
  })

  test.each([
    ['openai', () => breakOutOfOpenAi()],
    ['anthropic', () => breakOutOfAnthropic()],
  ])('when %s breaks out of its loop', async (_, breakOut) => {
    ways().mock.next({ words: '500', 'chunk-delay': '20' })
    await breakOut()
    expect((await ways().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)).finished).toBe(false)
  })

  test('and recorded as the client’s doing, with what was used until then', async () => {
    ways().mock.next({ words: '500', 'chunk-delay': '20' })
    await breakOutOfAnthropic('claude-recorded')
    const line = await ways().sidecar.accessLine(({ requestedModel }) => requestedModel === 'claude-recorded')
    expect(line).toMatchObject({ fault: 'caller', failure: 'client_closed', status: 200, inputTokens: 3 })
  })
})

describe('a client’s own timeout', () => {
  test.each([
    ['openai', openAiTimeout],
    ['anthropic', anthropicTimeout],
  ])('of %s is raised the same both ways, and ends the upstream request', async (_, ask) => {
    const { mock, direct, through } = ways()
    const failure = await failureOf(ask(through))
    expect(failure).toMatchObject({ class: expect.stringContaining('Connection') })
    expect(failure).toEqual(await failureOf(ask(direct)))
    await mock.waitFor(
      ({ abortedAt, rawHeaders }) => abortedAt !== undefined && rawHeaders.join().includes(PROVIDER_KEY),
    )
  })
})

describe('the time limits of a rule', () => {
  const limited = twoWaysForTests((url) => oneAttempt(url, LIMITS))

  test.each(ALL)('a provider that stays silent is a 504: $name', async ({ read }) => {
    limited().mock.next({ stall: 'head' })
    const failure = await read(limited().through).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 504, message: expect.stringContaining('did not begin to answer in time') })
    await limited().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  })

  test.each(ITERATORS)('a stream that stops is an error in the stream: $name', async ({ read }) => {
    limited().mock.next({ stall: '3' })
    await expect(read(limited().through)).rejects.toThrow('stopped sending')
    await limited().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  })

  test.each(ITERATORS)('a stream that goes on for too long is ended: $name', async ({ read }) => {
    limited().mock.next({ words: '5000', 'chunk-delay': '40' })
    await expect(read(limited().through)).rejects.toThrow('longer than allowed')
    await limited().mock.waitFor(({ abortedAt }) => abortedAt !== undefined)
  })
})

const LIMITS = '    timeouts: {firstByte: 200ms, idle: 500ms, total: 800ms}\n'

interface Begun {
  done: Promise<unknown>
  abort(): void
}

/** Milliseconds from the client's abort until the provider saw it, for each try. Fails when it never does. */
async function abortLatencies(
  asked: Readonly<Record<string, string>>,
  begin: (controller: AbortController) => Promise<Begun>,
): Promise<number[]> {
  const latencies: number[] = []
  for (let i = 0; i < TRIES; i++) {
    const { mock } = ways()
    mock.clear()
    mock.next(asked)
    const { done, abort } = await begin(new AbortController())
    const abortedAt = Date.now()
    abort()
    await done.catch(() => {})
    const seen = await mock.waitFor((request) => request.abortedAt !== undefined)
    latencies.push((seen.abortedAt ?? 0) - abortedAt)
  }
  return latencies
}

const MESSAGES = [{ role: 'user' as const, content: 'Hello there' }]

async function breakOutOfOpenAi(): Promise<void> {
  for await (const _ of await ways().through.openai.chat.completions.create({
    model: 'm',
    messages: MESSAGES,
    stream: true,
  }))
    break
}

async function breakOutOfAnthropic(model = 'm'): Promise<void> {
  const asked = { model, max_tokens: 1000, messages: MESSAGES, stream: true as const }
  for await (const _ of await ways().through.anthropic.messages.create(asked)) break
}

const SOON = { timeout: 150 }

function openAiTimeout({ openai }: Clients): Promise<unknown> {
  return openai.chat.completions.create({ model: 'mock-stall', messages: MESSAGES }, SOON)
}

function anthropicTimeout({ anthropic }: Clients): Promise<unknown> {
  return anthropic.messages.create({ model: 'mock-stall', max_tokens: 1000, messages: MESSAGES }, SOON)
}
