// Errors raise the class that each official client promises, with the provider's own message, code and request id.
import Anthropic from '@anthropic-ai/sdk'
import { ApiError } from '@google/genai'
import { describe, expect, test } from '@jest/globals'
import OpenAI from 'openai'
import { startTestSidecar } from '../support/sidecar.ts'
import { ITERATORS, UNARY } from './streams.ts'
import { CLIENT_KEY, clientsOf, DIRECT_KEY, failureOf, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const [OPENAI, RESPONSES, ANTHROPIC, GEMINI] = UNARY.map(({ read }) => read)

const STATUSES = [400, 401, 403, 404, 409, 422, 429, 500, 503, 529] as const

describe.each(UNARY)('$name raises an error of the provider the same both ways', ({ read }) => {
  test.each(STATUSES)('%d', async (status) => {
    ways().mock.next({ status: String(status) }, { status: String(status) })
    const direct = await failureOf(read(ways().direct))
    const through = await failureOf(read(ways().through))
    expect(direct).toMatchObject({ status })
    expect(withoutIds(through)).toEqual(withoutIds(direct))
  })

  test('as a stream was asked for', async () => {
    for (const stream of ITERATORS) {
      ways().mock.next({ status: '429', 'error-code': 'insufficient_quota' })
      expect(await failureOf(stream.read(ways().through))).toMatchObject({ status: 429 })
    }
  })
})

/** The class, what Outrigger says, and whether it may be tried again. */
const CLASSES = [
  ['openai 400', OPENAI, '400', OpenAI.BadRequestError],
  ['openai 401', OPENAI, '401', OpenAI.AuthenticationError],
  ['openai 404', OPENAI, '404', OpenAI.NotFoundError],
  ['openai 429', OPENAI, '429', OpenAI.RateLimitError],
  ['openai 500', RESPONSES, '500', OpenAI.InternalServerError],
  ['anthropic 400', ANTHROPIC, '400', Anthropic.BadRequestError],
  ['anthropic 401', ANTHROPIC, '401', Anthropic.AuthenticationError],
  ['anthropic 404', ANTHROPIC, '404', Anthropic.NotFoundError],
  ['anthropic 429', ANTHROPIC, '429', Anthropic.RateLimitError],
  ['anthropic 529', ANTHROPIC, '529', Anthropic.InternalServerError],
  ['gemini 429', GEMINI, '429', ApiError],
  ['gemini 500', GEMINI, '500', ApiError],
] as const

test.each(CLASSES)('%s is the class that its SDK documents', async (_, read, status, expected) => {
  ways().mock.next({ status })
  await expect(read?.(ways().through)).rejects.toBeInstanceOf(expected)
})

test("an error carries the provider's request id and, beside it, Outrigger's", async () => {
  ways().mock.next({ status: '429', 'retry-after': '7' }, { status: '429' })
  const openai = await OPENAI?.(ways().through).catch((error: unknown) => error)
  const anthropic = await ANTHROPIC?.(ways().through).catch((error: unknown) => error)
  if (!(openai instanceof OpenAI.APIError && anthropic instanceof Anthropic.APIError)) throw openai
  expect(openai.requestID).toMatch(/^req_/)
  expect(openai.headers?.get('retry-after')).toBe('7')
  expect(openai.headers?.get('x-outrigger-request-id')).toMatch(/^[\w-]{20,}$/)
  expect(anthropic.requestID).toMatch(/^req_01/)
})

describe.each(ITERATORS)('$name', ({ read }) => {
  test.each(['first', 'after-2'])('raises an error inside a stream the same both ways: %s', async (place) => {
    ways().mock.next({ 'error-in-stream': place }, { 'error-in-stream': place })
    const direct = await failureOf(read(ways().direct))
    const through = await failureOf(read(ways().through))
    expect(through).not.toMatchObject({ message: expect.stringContaining('succeeded') })
    expect(withoutIds(through)).toEqual(withoutIds(direct))
  })

  test('never shows the key that a provider repeats in its error', async () => {
    ways().mock.next({ 'echo-key': '' }, { 'echo-key': '', 'error-in-stream': 'after-2' })
    for (const _ of ['status', 'event']) {
      const failure = await read(ways().through).catch((error: unknown) => error)
      const shown = JSON.stringify([failure, String(failure), headersOf(failure)])
      expect(shown).toMatch(/API key/)
      expect(shown).not.toContain('sk-of-the-platform-team')
    }
  })
})

describe('retries', () => {
  const retrying = () => clientsOf(ways().sidecar.url, CLIENT_KEY, 2)
  const overloaded = { status: '529', 'retry-after': '0.01' }
  const limited = { status: '429', 'retry-after': '0.01' }

  test.each(UNARY.slice(0, 3))('of $name end in success, each one attempt of Outrigger', async ({ read }) => {
    ways().mock.next(overloaded, limited)
    expect(JSON.stringify(await read(retrying()))).toContain('You said: Hello there')
    expect(ways().mock.requests).toHaveLength(3)
  })

  test.each(UNARY.slice(0, 3))('of $name end in the error when all fail', async ({ read }) => {
    ways().mock.next(limited, limited, limited, limited)
    expect(await failureOf(read(retrying()))).toMatchObject({ status: 429 })
    expect(ways().mock.requests).toHaveLength(3)
  })

  test.each(UNARY)('of $name are off: one failure is raised', async ({ read }) => {
    ways().mock.next(limited)
    expect(await failureOf(read(ways().through))).toMatchObject({ status: 429 })
    expect(ways().mock.requests).toHaveLength(1)
  })
})

describe('what Outrigger refuses', () => {
  test.each([
    ['openai', OPENAI, { status: 503, code: 'not_configured' }],
    ['anthropic', ANTHROPIC, { status: 503 }],
    ['gemini', GEMINI, { status: 503 }],
  ] as const)('%s before there is a configuration: 503 that says so', async (_, read, expected) => {
    const empty = await startTestSidecar(undefined)
    try {
      const failure = await failureOf(read?.(clientsOf(empty.url, CLIENT_KEY)) ?? Promise.resolve())
      expect(failure).toMatchObject({ ...expected, message: expect.stringContaining('No configuration') })
    } finally {
      await empty.stop()
    }
  })

  test.each(UNARY)('$name when the sidecar is gone: a connection error, not a hang', async ({ read }) => {
    const gone = await startTestSidecar(undefined)
    await gone.stop()
    const failure = await failureOf(read(clientsOf(gone.url, CLIENT_KEY)))
    expect(failure).toMatchObject({
      status: undefined,
      message: expect.stringMatching(/Connection error|fetch failed/),
    })
  })

  test('a provider that cannot be reached is 502, in words that name no host', async () => {
    const { sidecar, mock } = ways()
    const unreachable = await startTestSidecar({
      config: { ...requireConfig(sidecar), providers: requireConfig(sidecar).providers.map(elsewhere) },
      keys: Object.fromEntries(
        requireConfig(sidecar).providers.flatMap(({ credentials }) =>
          credentials.map(({ file }) => [file, DIRECT_KEY]),
        ),
      ),
    })
    try {
      for (const read of [OPENAI, ANTHROPIC, GEMINI]) {
        const failure = await failureOf(read?.(clientsOf(unreachable.url, CLIENT_KEY)) ?? Promise.resolve())
        expect(failure).toMatchObject({ status: 502, message: expect.not.stringContaining('127.0.0.1') })
      }
    } finally {
      await unreachable.stop()
    }
    expect(mock.requests).toEqual([])
  })
})

function requireConfig({ sidecar }: ReturnType<typeof ways>['sidecar']) {
  const config = sidecar.configuration.current?.runtime.config
  if (config === undefined) throw new Error('nothing is in force')
  return config
}

/** Port 1 of loopback: nobody listens there. */
function elsewhere<T extends { baseURL: string }>(provider: T): T {
  return { ...provider, baseURL: provider.baseURL.replace(/:\d+/, ':1') }
}

function headersOf(failure: unknown): unknown {
  const { headers } = failure as { headers?: unknown }
  return headers instanceof Headers ? [...headers] : headers
}

function withoutIds(failure: unknown): unknown {
  return JSON.parse(JSON.stringify(failure).replaceAll(/req_\w+/g, 'req'))
}
