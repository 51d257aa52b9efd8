// Errors raise the class that each official client promises, with the provider's own message, code and request id. Only
// that the platform's key was refused is told in other words: the application's own is not concerned.
import Anthropic from '@anthropic-ai/sdk'
import { ApiError } from '@google/genai'
import { beforeEach, describe, expect, test } from '@jest/globals'
import OpenAI from 'openai'
import { startTestSidecar } from '../support/sidecar.ts'
import { ITERATORS, UNARY } from './streams.ts'
import {
  CLIENT_KEY,
  type Clients,
  clientsOf,
  DIRECT_KEY,
  failureOf,
  KEYS_OF_A_PROVIDER,
  oneAttempt,
  twoWaysForTests,
} from './two-ways.ts'

const ways = twoWaysForTests(oneAttempt)

beforeEach(() => ways().afresh())

const [OPENAI, RESPONSES, ANTHROPIC, GEMINI] = UNARY.map(({ read }) => read)

const STATUSES = [400, 404, 408, 409, 422, 429, 500, 503, 529] as const
const REFUSING = [{ status: '401' }, { status: '402' }, { status: '403' }] as const

const OUR_KEY = { status: 502, message: expect.stringContaining('yours are not concerned') }

describe.each(UNARY)('$name raises an error of the provider the same both ways', ({ read }) => {
  test.each(STATUSES)('%d', async (status) => {
    ways().mock.next({ status: String(status) }, { status: String(status) })
    const direct = await failureOf(read(ways().direct))
    const through = await failureOf(read(ways().through))
    expect(direct).toMatchObject({ status })
    expect(withoutIds(through)).toEqual(withoutIds(direct))
    expect(ways().mock.requests).toHaveLength(2)
  })
})

test.each(ITERATORS)('$name raises it the same both ways where a stream was asked for', async ({ read }) => {
  ways().mock.next({ status: '429' }, { status: '429' })
  const direct = await failureOf(read(ways().direct))
  expect(direct).toMatchObject({ status: 429 })
  expect(withoutIds(await failureOf(read(ways().through)))).toEqual(withoutIds(direct))
})

describe('a key of the platform that its provider refuses is a 502', () => {
  test.each([...UNARY, ...ITERATORS].flatMap(({ name, read }) => REFUSING.map((asked) => ({ name, read, asked }))))(
    '$name: $asked',
    async ({ read, asked }) => {
      ways().mock.next(asked)
      expect(await failureOf(read(ways().through))).toMatchObject(OUR_KEY)
      expect(ways().mock.requests).toHaveLength(1)
    },
  )

  test.each([
    ['openai', OPENAI, { ...OUR_KEY, class: 'InternalServerError', code: 'provider_credentials_exhausted' }],
    ['anthropic', ANTHROPIC, { ...OUR_KEY, class: 'InternalServerError', type: 'api_error' }],
  ] as const)('and no SDK tries again: %s', async (_, read, expected) => {
    ways().mock.next({ status: '401' })
    expect(await failureOf(read?.(retrying()) ?? Promise.resolve())).toMatchObject(expected)
    expect(ways().mock.requests).toHaveLength(1)
  })

  test.each([
    ['openai chat', OPENAI],
    ['openai responses', RESPONSES],
  ])('%s: an account that has used up its quota, too, whatever its status', async (_, read) => {
    ways().mock.next({ status: '429', 'error-code': 'insufficient_quota' })
    expect(await failureOf(read?.(ways().through) ?? Promise.resolve())).toMatchObject(OUR_KEY)
  })

  test('until another one is there', async () => {
    ways().mock.next(...Array.from({ length: 20 }, () => ({ status: '401' })))
    const { openai } = ways().through
    const asked = () => failureOf(openai.chat.completions.create({ model: 'm', messages: [] }))
    // Each of the provider's credentials is tried once; then nobody is asked any more.
    let asks = 0
    do {
      asks = ways().mock.requests.length
      expect(await asked()).toMatchObject(OUR_KEY)
    } while (ways().mock.requests.length > asks)
    expect(asks).toBe(KEYS_OF_A_PROVIDER)
    ways().mock.clear()
    await ways().afresh()
    expect(JSON.stringify(await OPENAI?.(ways().through))).toContain('You said: Hello there')
  })
})

/** The class that a status of the provider is raised as. */
const CLASSES = [
  ['openai 400', OPENAI, '400', OpenAI.BadRequestError],
  ['openai 401', OPENAI, '401', OpenAI.InternalServerError],
  ['openai 404', OPENAI, '404', OpenAI.NotFoundError],
  ['openai 409', OPENAI, '409', OpenAI.ConflictError],
  ['openai 422', OPENAI, '422', OpenAI.UnprocessableEntityError],
  ['openai 429', OPENAI, '429', OpenAI.RateLimitError],
  ['openai 500', RESPONSES, '500', OpenAI.InternalServerError],
  ['anthropic 400', ANTHROPIC, '400', Anthropic.BadRequestError],
  ['anthropic 401', ANTHROPIC, '401', Anthropic.InternalServerError],
  ['anthropic 404', ANTHROPIC, '404', Anthropic.NotFoundError],
  ['anthropic 409', ANTHROPIC, '409', Anthropic.ConflictError],
  ['anthropic 422', ANTHROPIC, '422', Anthropic.UnprocessableEntityError],
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

  test.each([
    ['as it refuses the key', {}, /credentials/],
    ['of the caller’s', { status: '422' }, /API key/],
    ['of its own', { status: '500' }, /API key/],
    ['as the first event', { 'error-in-stream': 'first' }, /API key/],
    ['as a later event', { 'error-in-stream': 'after-2' }, /API key/],
  ])('never shows the key that a provider repeats in its error, %s', async (_, asked, says) => {
    ways().mock.next({ 'echo-key': '', ...asked })
    const failure = await read(ways().through).catch((error: unknown) => error)
    const shown = JSON.stringify([failure, String(failure), headersOf(failure)])
    expect(shown).toMatch(says)
    expect(shown).not.toContain('sk-of-the-platform-team')
  })
})

describe('retries', () => {
  const retried = twoWaysForTests()
  const overloaded = { status: '529', 'retry-after': '0.01' }
  const limited = { status: '429', 'retry-after': '0.01' }

  beforeEach(() => retried().afresh())

  test.each(UNARY)('of $name end in success, within one request of the client', async ({ read }) => {
    retried().mock.next(overloaded, limited)
    expect(JSON.stringify(await read(retried().through))).toContain('You said: Hello there')
    expect(retried().mock.requests).toHaveLength(3)
  })

  test.each(UNARY)('of $name end in the error when all fail, and its SDK does not begin again', async ({ read }) => {
    retried().mock.next(limited, limited, limited, limited)
    expect(await failureOf(read(retrying(retried().sidecar)))).toMatchObject({ status: 429 })
    expect(retried().mock.requests).toHaveLength(3)
  })

  test.each(UNARY)('of $name are off: one failure is raised', async ({ read }) => {
    ways().mock.next(limited)
    expect(await failureOf(read(retrying()))).toMatchObject({ status: 429 })
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

/** Clients that would try twice more. */
function retrying({ url }: { readonly url: string } = ways().sidecar): Clients {
  return clientsOf(url, CLIENT_KEY, 2)
}

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
