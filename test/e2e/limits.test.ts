// Limits and budgets as applications and their SDKs meet them: what is admitted, what a refusal says, and what comes back.
import { once } from 'node:events'
import Anthropic from '@anthropic-ai/sdk'
import { ApiError } from '@google/genai'
import { afterEach, describe, expect, test } from '@jest/globals'
import { APIError } from 'openai'
import { WebSocket } from 'ws'
import type { BudgetConfig, LimitConfig, PriceConfig } from '../../contract/limit-config.ts'
import type { ModelConfig, ProviderConfig, RuleConfig } from '../../contract/sidecar-config.ts'
import { mockForTests } from '../mock/with-mock.ts'
import type { Source } from '../support/sidecar.ts'
import {
  backend,
  budgetConfig,
  limitConfig,
  priceConfig,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../support/sidecar-config.ts'
import { failureOf, PROVIDER_KEY, twoWaysForTests } from './two-ways.ts'

const USD = 1e12
const WORDS = 9

/** A USD for each token of output, and the question for nothing. */
const DEAR = priceConfig({ inputPicoUsd: 0, cachedInputPicoUsd: 0, cacheWritePicoUsd: 0, outputPicoUsd: USD })
const FREE = priceConfig({ inputPicoUsd: 0, cachedInputPicoUsd: 0, cacheWritePicoUsd: 0, outputPicoUsd: 0 })

interface Case {
  rule?: Partial<RuleConfig>
  limits?: LimitConfig[]
  budgets?: BudgetConfig[]
  /** Of the first provider, and of the second, which stands by. */
  providerLimits?: LimitConfig[]
  price?: PriceConfig | undefined
  secondPrice?: PriceConfig
}

const second = mockForTests({ always: { words: String(WORDS) } })
const ways = twoWaysForTests(() => ({ config: sidecarConfig({}) }), {}, { always: { words: '3' } })
afterEach(async () => {
  second().clear()
  // Counts outlive documents; another rule's name would do as well, but the next test wants this one.
  await ways().sidecar.publish({ config: sidecarConfig({}) })
})

function document({ rule = {}, limits = [], budgets = [], providerLimits = [], ...prices }: Case): Source {
  const price = 'price' in prices ? prices.price : DEAR
  const credentials = [{ name: 'primary', file: 'key', weight: 1 }]
  const openAi = (id: string, url: string, model: Partial<ModelConfig>, rest: Partial<ProviderConfig>) =>
    provider(id, 'OpenAI', [{ name: 'm', upstreamName: 'm', ...model }], { baseURL: `${url}/v1`, credentials, ...rest })
  const providers = [
    openAi('shop/first', ways().mock.url, price === undefined ? {} : { price }, { limits: providerLimits }),
    provider('shop/anthropic', 'Anthropic', ['m'], { baseURL: ways().mock.url, credentials }),
    provider('shop/gemini', 'Gemini', ['m'], { baseURL: ways().mock.url, credentials }),
    ...(prices.secondPrice === undefined
      ? []
      : [openAi('shop/second', second().url, { price: prices.secondPrice }, {})]),
  ]
  const backends = providers.map(({ id }) => backend(id, 1, id === 'shop/second' ? 1 : 0))
  return {
    keys: { key: PROVIDER_KEY },
    config: sidecarConfig({
      providers,
      routes: [routeConfig('shop/all', [ruleConfig('all', { backends, limits, budgets, ...rule })])],
    }),
  }
}

let calls = 0

/** Each case counts by names of its own. */
function named(name: string, rule = 'all'): string {
  return `route:shop/all/${rule}/${name}-${calls++}`
}

const messages = [{ role: 'user', content: 'Say hello' }] as const

async function chat(more: { max_tokens?: number; stream?: false } = {}, headers: Record<string, string> = {}) {
  return ways().through.openai.chat.completions.create({ model: 'm', messages: [...messages], ...more }, { headers })
}

/** `ok`, or the refusal's reason. */
async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof APIError ? (error.headers?.get('x-outrigger-reason') ?? 'none') : 'other'),
  )
}

async function outcomes(count: number, make: () => Promise<unknown> = chat): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push(await outcomeOf(make()))
  return all
}

const OK = 'ok'
const REACHED = 'limit_reached'

test('a limit that is far smaller than what is expected at first can be used, one request after the other', async () => {
  const { usage } = await ways().direct.openai.chat.completions.create({ model: 'm', messages: [...messages] })
  const limit = 5 * (usage?.completion_tokens ?? 0)
  const tokens = (rule: string): Case => ({ limits: [limitConfig(named('tpm', rule), 'OutputTokens', limit)] })
  const money = (rule: string): Case => ({ budgets: [budgetConfig(named('month', rule), limit * USD)] })
  for (const [at, limited] of [tokens, money].entries()) {
    const name = `never-asked-${at}`
    await ways().sidecar.publish(document({ ...limited(name), rule: { name } }))
    const refused = expect.stringMatching(/limit_reached|budget_exhausted/)
    expect(await outcomes(7)).toEqual([OK, OK, OK, OK, OK, refused, refused])
  }
})

describe('a limit of requests', () => {
  test('admits as many as it says, one after the other or at once', async () => {
    await ways().sidecar.publish(document({ limits: [limitConfig(named('rpm'), 'Requests', 3)] }))
    expect(await outcomes(5)).toEqual([OK, OK, OK, REACHED, REACHED])

    await ways().sidecar.publish(document({ limits: [limitConfig(named('rpm'), 'Requests', 30)] }))
    const all = await Promise.all(Array.from({ length: 300 }, () => outcomeOf(chat())))
    expect(all.filter((outcome) => outcome === OK)).toHaveLength(30)
    expect(all.filter((outcome) => outcome === REACHED)).toHaveLength(270)
  })

  test('counts a request once, whatever becomes of its attempts', async () => {
    const limits = [limitConfig(named('rpm'), 'Requests', 2)]
    await ways().sidecar.publish(document({ limits, secondPrice: FREE }))
    ways().mock.next({ status: '500' }, { status: '500' })
    expect(await outcomes(3)).toEqual([OK, OK, REACHED])
    expect(second().requests).toHaveLength(2)
  })

  test('keeps a count for each value of a header, and one for all without it', async () => {
    const limits = [limitConfig(named('user'), 'Requests', 1, { per: [{ type: 'Header', name: 'x-user' }] })]
    await ways().sidecar.publish(document({ limits }))
    const asUser = (user?: string) => outcomeOf(chat({}, user === undefined ? {} : { 'x-user': user }))
    const users = ['ann', 'ben', 'ann', undefined, undefined, 'ben']
    const all: string[] = []
    for (const user of users) all.push(await asUser(user))
    expect(all).toEqual([OK, OK, REACHED, OK, REACHED, REACHED])
  })

  test('in shadow refuses nobody, and the access log says whom it would have', async () => {
    const id = named('rpm')
    await ways().sidecar.publish(document({ limits: [limitConfig(id, 'Requests', 1, { mode: 'Shadow' })] }))
    const { _request_id } = await chat()
    const { data, response } = await ways()
      .through.openai.chat.completions.create({ model: 'm', messages: [...messages] })
      .withResponse()
    expect([typeof _request_id, data.object]).toEqual(['string', 'chat.completion'])
    const requestId = response.headers.get('x-outrigger-request-id')
    const line = await ways().sidecar.accessLine((each) => each.requestId === requestId)
    expect(line).toMatchObject({ status: 200, shadow: [id] })
  })
})

describe('what SDKs are told of a limit', () => {
  const asked = {
    openai: () => ways().through.openai.chat.completions.create({ model: 'm', messages: [...messages] }),
    anthropic: () => ways().through.anthropic.messages.create({ model: 'm', max_tokens: 5, messages: [...messages] }),
    gemini: () => ways().through.gemini.models.generateContent({ model: 'm', contents: 'Say hello' }),
  }

  test.each(['openai', 'anthropic', 'gemini'] as const)('%s raises its own error of rate limits', async (sdk) => {
    await ways().sidecar.publish(document({ limits: [limitConfig(named('rpm'), 'Requests', 1)] }))
    await asked[sdk]()
    const failure = await failureOf(asked[sdk]())
    const classes = { openai: 'RateLimitError', anthropic: 'RateLimitError', gemini: ApiError.name }
    expect(failure).toMatchObject({ class: classes[sdk], status: 429 })
    expect(JSON.stringify(failure)).toContain('of rule shop/all/all: 1 requests in 1m.')
  })

  test('the headers say how much there is, and when there is room again', async () => {
    await ways().sidecar.publish(document({ limits: [limitConfig(named('rpm'), 'Requests', 1, { windowMs: 10_000 })] }))
    const before = performance.now()
    await chat()
    const error = await chat().catch((thrown: unknown) => thrown)
    const headers = error instanceof APIError ? Object.fromEntries(error.headers ?? []) : {}
    expect(headers).toMatchObject({
      'x-outrigger-reason': REACHED,
      'x-ratelimit-limit-requests': '1',
      'x-ratelimit-remaining-requests': '0',
    })
    // It is counted until ten seconds and at most one bucket of 78 ms after it was taken.
    const resetMs = Number.parseFloat(headers['x-ratelimit-reset-requests'] ?? '') * 1000
    const sinceMs = performance.now() - before
    expect(resetMs).toBeGreaterThan(10_000 - sinceMs)
    expect(resetMs).toBeLessThanOrEqual(10_079)
    expect(headers['retry-after']).toBe(String(Math.ceil(resetMs / 1000)))
  })

  test('a wait that SDKs would not take to its end is none of theirs', async () => {
    const limits = [limitConfig(named('daily'), 'Requests', 1, { windowMs: 86_400_000 })]
    await ways().sidecar.publish(document({ limits }))
    await chat()
    const error = await chat().catch((thrown: unknown) => thrown)
    const headers = error instanceof APIError ? error.headers : undefined
    expect(headers?.get('x-should-retry')).toBe('false')
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(86_000)
  })

  test("anthropic's headers are its own", async () => {
    await ways().sidecar.publish(document({ limits: [limitConfig(named('tpm'), 'InputTokens', 1)] }))
    const error = await asked.anthropic().catch((thrown: unknown) => thrown)
    const headers = error instanceof Anthropic.APIError ? error.headers : undefined
    expect(headers?.get('anthropic-ratelimit-input-tokens-limit')).toBe('1')
    expect(headers?.get('x-should-retry')).toBe('false')
  })
})

describe('a limit of open requests', () => {
  test('is given back by what ends, fails or is abandoned', async () => {
    await ways().sidecar.publish(document({ limits: [limitConfig(named('open'), 'Concurrency', 2)] }))
    const leave = new AbortController()
    const stalled = () =>
      ways().through.openai.chat.completions.create(
        { model: 'm', messages: [...messages], stream: true },
        { headers: { 'x-mock-stall': '3' }, signal: leave.signal },
      )
    await Promise.all([stalled(), stalled()])
    expect(await outcomes(2)).toEqual([REACHED, REACHED])
    leave.abort()
    await untilAdmitted()
    expect(await outcomes(3)).toEqual([OK, OK, OK])
    ways().mock.next({ status: '500' }, { 'cut-after-bytes': '3' })
    await outcomes(2)
    expect(await outcomes(3)).toEqual([OK, OK, OK])
  })
})

async function untilAdmitted(): Promise<void> {
  while ((await outcomeOf(chat())) !== OK) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a limit of tokens', () => {
  test('an agent that allows itself much and uses little is not refused', async () => {
    // Room for some answers of 64,000 tokens, and for a thousand of those that come.
    await ways().sidecar.publish(document({ limits: [limitConfig(named('tpm'), 'Tokens', 200_000)] }))
    const all = await Promise.all(Array.from({ length: 150 }, () => outcomeOf(chat({ max_tokens: 64_000 }))))
    expect(all.filter((outcome) => outcome !== OK)).toEqual([])
  })

  test('is charged with what the provider reported, not with what was expected', async () => {
    const { usage } = await ways().direct.openai.chat.completions.create({ model: 'm', messages: [...messages] })
    const perCall = usage?.total_tokens ?? 0
    const limits = [limitConfig(named('tpm', 'fresh'), 'Tokens', 20 * perCall)]
    await ways().sidecar.publish(document({ limits, rule: { name: 'fresh' } }))
    const all = await outcomes(30, () => chat({ max_tokens: 16 }))
    const admitted = all.filter((outcome) => outcome === OK).length
    expect(admitted).toBeLessThanOrEqual(20)
    // The last ones were expected to use up to 16 of output, and found no room for it.
    expect(admitted).toBeGreaterThanOrEqual(20 - Math.ceil((perCall + 16) / perCall))
  })

  test('comes back in full from attempts that cost nothing', async () => {
    const limits = [limitConfig(named('tpm'), 'Tokens', 100)]
    await ways().sidecar.publish(
      document({ limits, rule: { retry: { attempts: 1, on: [], statuses: [], backoff: { initialMs: 1, maxMs: 1 } } } }),
    )
    for (let i = 0; i < 5; i++) {
      ways().mock.next({ status: '400' })
      expect(await outcomeOf(chat({ max_tokens: 16 }))).toBe('none')
    }
    expect(await outcomeOf(chat({ max_tokens: 16 }))).toBe(OK)
  })

  test('counts what is given up before a word of it came, as an estimate', async () => {
    const id = named('tpm', 'left')
    const limits = [limitConfig(id, 'Tokens', 100_000)]
    await ways().sidecar.publish(document({ limits, rule: { name: 'left' } }))
    const leave = new AbortController()
    const left = ways().through.openai.chat.completions.create(
      { model: 'm', messages: [...messages], max_tokens: 500 },
      { headers: { 'x-mock-stall': '' }, signal: leave.signal },
    )
    await ways().mock.waitFor(() => true)
    leave.abort()
    await expect(left).rejects.toThrow()
    const line = await ways().sidecar.accessLine(({ rule, failure }) => rule === 'left' && failure === 'client_closed')
    expect(line).toMatchObject({ estimated: true, outputTokens: 500, status: 499 })
    const page = (await (await fetch(`${ways().sidecar.adminUrl}/limits`)).json()) as {
      rows: { id: string; used: number }[]
    }
    const used = page.rows.find((row) => row.id === id)?.used
    expect(used).toBe(Number(line.inputTokens) + 500)
  })

  test('what is larger than the whole limit is refused for good', async () => {
    const limits = [limitConfig(named('tpm', 'untried'), 'Tokens', 100)]
    await ways().sidecar.publish(document({ limits, rule: { name: 'untried' } }))
    expect(await outcomeOf(chat({ max_tokens: 64_000 }))).toBe(OK)
    const long = [{ role: 'user', content: 'Say hello. '.repeat(5000) }] as const
    const failure = await failureOf(ways().through.openai.chat.completions.create({ model: 'm', messages: [...long] }))
    expect(failure).toMatchObject({ class: 'RateLimitError', code: REACHED })
    expect(JSON.stringify(failure)).toContain('This request alone is larger.')
  })
})

describe("a provider's own quota", () => {
  test('sends the request to the next backend', async () => {
    const providerLimits = [limitConfig(`provider:shop/first/rpm-${calls++}`, 'Requests', 2, { scope: 'Cluster' })]
    await ways().sidecar.publish(document({ providerLimits, secondPrice: FREE }))
    expect(await outcomes(5)).toEqual([OK, OK, OK, OK, OK])
    expect([ways().mock.requests.length, second().requests.length]).toEqual([2, 3])
  })

  test('refuses where there is none', async () => {
    const providerLimits = [limitConfig(`provider:shop/first/rpm-${calls++}`, 'Requests', 2, { scope: 'Cluster' })]
    await ways().sidecar.publish(document({ providerLimits }))
    expect(await outcomes(3)).toEqual([OK, OK, REACHED])
  })
})

describe('a budget', () => {
  const ofUsd = (usd: number, rest: Partial<BudgetConfig> = {}) => budgetConfig(named('month'), usd * USD, rest)

  test('refuses when it is used up, and tells SDKs that waiting is pointless', async () => {
    const { usage } = await ways().direct.openai.chat.completions.create({ model: 'm', messages: [...messages] })
    const perCall = usage?.completion_tokens ?? 0
    await ways().sidecar.publish(document({ budgets: [ofUsd(2 * perCall + 1)] }))
    const all = await outcomes(3, () => chat({ max_tokens: perCall }))
    expect(all).toEqual([OK, OK, 'budget_exhausted'])
    const error = await chat({ max_tokens: perCall }).catch((thrown: unknown) => thrown)
    expect(error instanceof APIError && error.headers?.get('x-should-retry')).toBe('false')
    expect(error instanceof APIError && error.message).toContain(`${2 * perCall + 1} USD in 1h.`)
  })

  test('falls back to the cheapest backend', async () => {
    await ways().sidecar.publish(document({ budgets: [ofUsd(1, { onExhausted: 'Fallback' })], secondPrice: FREE }))
    expect(await outcomes(3)).toEqual([OK, OK, OK])
    expect([ways().mock.requests.length, second().requests.length]).toEqual([1, 2])
  })

  test('warns from its percentages on', async () => {
    const { usage } = await ways().direct.openai.chat.completions.create({ model: 'm', messages: [...messages] })
    const perCall = usage?.completion_tokens ?? 0
    const budget = ofUsd(4 * perCall, { warnAtPercent: [50, 80] })
    await ways().sidecar.publish(document({ budgets: [budget] }))
    const warnings: (string | null)[] = []
    for (let i = 0; i < 4; i++) {
      const { response } = await ways()
        .through.openai.chat.completions.create({ model: 'm', messages: [...messages], max_tokens: perCall })
        .withResponse()
      warnings.push(response.headers.get('x-outrigger-budget'))
    }
    expect(warnings).toEqual([null, `${budget.id} 50 %`, `${budget.id} 50 %`, `${budget.id} 80 %`])
  })

  test.each([
    ['Reject', 'price_unknown'],
    ['AllowUnpriced', OK],
  ] as const)('a model without a price: %s', async (unknownPrice, outcome) => {
    await ways().sidecar.publish(document({ budgets: [ofUsd(1)], price: undefined, rule: { unknownPrice } }))
    expect(await outcomeOf(chat())).toBe(outcome)
  })
})

describe('a WebSocket', () => {
  test('is a request, open until it closes', async () => {
    const limits = [limitConfig(named('open'), 'Concurrency', 1), limitConfig(named('rpm'), 'Requests', 2)]
    await ways().sidecar.publish(document({ limits }))
    const open = () => new WebSocket(`${ways().sidecar.url.replace('http', 'ws')}/v1/realtime?model=m`)
    const first = open()
    await once(first, 'open')
    const refused = open()
    const [, response] = await once(refused, 'unexpected-response')
    expect(response.statusCode).toBe(429)
    first.close()
    await once(first, 'close')
    await untilAdmitted()
    expect(await outcomeOf(chat())).toBe(REACHED)
  })
})
