// From an attempt's beginning to the request's end, and what metrics make of it.
import { expect, test } from '@jest/globals'
import type { Model } from '../../../sidecar/config/runtime.ts'
import {
  type AttemptRecord,
  createAttempt,
  createSkipped,
  finishAttempt,
} from '../../../sidecar/telemetry/attempt-record.ts'
import type { ProviderReport } from '../../../sidecar/telemetry/provider-report.ts'
import {
  addAttempt,
  addSkipped,
  createRecord,
  finishRecord,
  type RequestRecord,
} from '../../../sidecar/telemetry/request-record.ts'
import { priceConfig } from '../../support/sidecar-config.ts'
import { adopt, attempt, handle, metricsWith, record, samples, skipped } from './records.ts'

const PRICE = priceConfig({ inputPicoUsd: 10, cachedInputPicoUsd: 1, cacheWritePicoUsd: 20, outputPicoUsd: 100 })
const USAGE = { inputTokens: 100, cachedInputTokens: 40, cacheWriteTokens: 5, outputTokens: 30, reasoningTokens: 10 }
const COST = 55 * 10 + 40 * 1 + 5 * 20 + 30 * 100

function model(name: string, rest: Partial<Model> = {}): Model {
  return { name, upstreamName: name, source: 'Config', ...rest }
}

function backend(id: string, of: Model | undefined) {
  return { provider: { id }, model: of, circuit: 'Closed', why: `because of ${id}` } as const
}

function sent(into: RequestRecord, id: string, of: Model | undefined, nowMs: number): AttemptRecord {
  const one = createAttempt(backend(id, of), { credential: `key of ${id}`, waitedMs: 0 }, nowMs)
  addAttempt(into, one)
  return one
}

test('the request is told by its last attempt; each keeps its own usage, price and times', () => {
  const request = createRecord('r', 'POST', 1000)
  const first = sent(request, 'ai/first', model('big', { price: PRICE }), 1010)
  first.usage = USAGE
  first.firstByteMs = 30
  finishAttempt(first, 'provider_stream_error', 1050)
  addSkipped(request, createSkipped(backend('ai/second', model('big')), 'CircuitOpen', 1050))
  const last = sent(request, 'ai/third', model('small'), 1060)
  last.usage = { ...USAGE, outputTokens: 31 }
  last.firstByteMs = 5
  finishAttempt(last, 'Answered', 1090)
  finishRecord(request, 1100, 77)
  expect(request).toMatchObject({
    provider: 'ai/third',
    model: 'small',
    credential: 'key of ai/third',
    why: 'because of ai/third',
    attempts: 2,
    price: undefined,
    usage: { outputTokens: 31 },
    costPicoUsd: undefined,
    firstByteMs: 65,
    durationMs: 100,
  })
  expect(request.tries).toMatchObject([
    { provider: 'ai/first', outcome: 'provider_stream_error', durationMs: 40, firstByteMs: 30, costPicoUsd: COST },
    { provider: 'ai/second', outcome: 'Skipped', word: 'CircuitOpen', credential: '' },
    { provider: 'ai/third', outcome: 'Answered', durationMs: 30, firstByteMs: 5, costPicoUsd: undefined },
  ])
})

test('the end of an attempt is told once', () => {
  const one = createAttempt(backend('ai/p', undefined), { credential: '', waitedMs: 3 }, 10)
  finishAttempt(one, 'Answered', 15)
  finishAttempt(one, 'client_closed', 20)
  expect(one).toMatchObject({ outcome: 'Answered', durationMs: 5, waitedMs: 3 })
})

test('an attempt that nobody ended ends with its request, as that did', () => {
  const request = createRecord('r', 'POST', 0)
  const one = sent(request, 'ai/p', undefined, 10)
  request.failure = 'client_closed'
  finishRecord(request, 30, 0)
  expect(one).toMatchObject({ outcome: 'client_closed', durationMs: 20 })
})

test('a model that the client named is no label', () => {
  expect(
    createAttempt(backend('ai/p', model('x', { source: 'Client' })), { credential: '', waitedMs: 0 }, 0).model,
  ).toBe('')
})

test('a request without tries keeps what was noted on it', () => {
  const request = { ...createRecord('r', 'GET', 0), attempts: 1, usage: USAGE, price: PRICE, firstByteMs: 4 }
  finishRecord(request, 10, 0)
  expect(request).toMatchObject({ usage: USAGE, costPicoUsd: COST, firstByteMs: 4 })
})

test('sixteen tries at most: what was sent is always kept, what was passed over is counted beyond six', () => {
  const request = createRecord('r', 'POST', 0)
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 3; j++) addSkipped(request, createSkipped(backend('ai/p', undefined), 'Unhealthy', 0))
    sent(request, 'ai/p', undefined, 0)
  }
  expect([request.tries.length, request.attempts, request.skippedMore]).toEqual([16, 10, 24])
})

const FAILOVER = record({
  provider: 'ai/anthropic',
  model: 'claude-haiku-4-5',
  attempts: 3,
  tries: [
    attempt({ outcome: 'provider_stream_error', reason: 'ServerError' }),
    attempt({ outcome: 'provider_rate_limited', reason: 'RateLimited', usage: undefined, costPicoUsd: undefined }),
    skipped({ provider: 'ai/gemini' }),
    attempt({ provider: 'ai/anthropic', model: 'claude-haiku-4-5', costPicoUsd: undefined }),
  ],
  costPicoUsd: undefined,
})

function nonZero(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.endsWith(' 0'))
}

test('a request counts once; tokens and cost count where they arose, each attempt once', async () => {
  const metrics = metricsWith()
  handle(metrics, FAILOVER, FAILOVER)
  const at = (provider: string, of: string) => `route=shop/chat,rule=fast,provider=${provider},model=${of}`
  expect(await samples(metrics, 'outrigger_requests_total')).toEqual([
    `{${at('ai/anthropic', 'claude-haiku-4-5')},operation=Chat,status=200,fault=} 2`,
  ])
  const output = (await samples(metrics, 'outrigger_tokens_total')).filter((line) => line.includes('type=output'))
  expect(output).toEqual([
    `{${at('ai/anthropic', 'claude-haiku-4-5')},type=output} 60`,
    `{${at('ai/openai', 'gpt-5-mini')},type=output} 60`,
  ])
  expect(await samples(metrics, 'outrigger_cost_usd_total')).toEqual([`{${at('ai/openai', 'gpt-5-mini')}} 0.000003`])
  expect(await samples(metrics, 'outrigger_cost_unknown_total')).toEqual(['{} 2'])
  expect(await samples(metrics, 'outrigger_usage_missing_total')).toEqual(['{} 0'])
})

test('the GenAI histograms have one duration per request and the tokens of each attempt', async () => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, FAILOVER)
  const counts = async (name: string) => (await samples(metrics, name)).filter((line) => line.startsWith('_count'))
  const at = (provider: string, of: string) =>
    `gen_ai_operation_name=chat,gen_ai_provider_name=${provider},gen_ai_request_model=${of}`
  expect(await counts('gen_ai_client_operation_duration_seconds')).toEqual([
    `_count{${at('anthropic', 'claude-haiku-4-5')}} 1`,
  ])
  expect(await counts('gen_ai_client_token_usage')).toEqual([
    `_count{${at('anthropic', 'claude-haiku-4-5')},gen_ai_token_type=input} 1`,
    `_count{${at('anthropic', 'claude-haiku-4-5')},gen_ai_token_type=output} 1`,
    `_count{${at('openai', 'gpt-5-mini')},gen_ai_token_type=input} 1`,
    `_count{${at('openai', 'gpt-5-mini')},gen_ai_token_type=output} 1`,
  ])
})

test('attempts are counted by outcome, repeats by what failed before', async () => {
  const metrics = metricsWith()
  const named = attempt({ outcome: 'provider_error', status: 404, reason: undefined })
  const passedOn = attempt({ status: 429, reason: 'RateLimited' })
  handle(metrics, FAILOVER, record({ tries: [named, passedOn] }), record({ tries: [] }))
  expect(await samples(metrics, 'outrigger_attempts_total')).toEqual([
    '{provider=ai/openai,outcome=provider_stream_error} 1',
    '{provider=ai/openai,outcome=provider_rate_limited} 2',
    '{provider=ai/openai,outcome=provider_error} 1',
    '{provider=ai/anthropic,outcome=answered} 1',
  ])
  expect(await samples(metrics, 'outrigger_retries_total')).toEqual([
    '{provider=ai/openai,reason=ServerError} 1',
    '{provider=ai/openai,reason=Status} 1',
    '{provider=ai/anthropic,reason=RateLimited} 1',
  ])
})

test('the attempts of a configured provider begin at 0, and its counts survive the next configuration', async () => {
  const metrics = metricsWith()
  adopt(metrics, [], ['ai/openai'])
  handle(metrics, record({ tries: [attempt()] }))
  adopt(metrics, [], ['ai/openai'])
  expect(nonZero(await samples(metrics, 'outrigger_attempts_total'))).toEqual([
    '{provider=ai/openai,outcome=answered} 1',
  ])
  expect(await samples(metrics, 'outrigger_retries_total')).toEqual(
    ['ConnectFailure', 'Timeout', 'RateLimited', 'ServerError', 'ProviderRefused', 'Status'].map(
      (reason) => `{provider=ai/openai,reason=${reason}} 0`,
    ),
  )
})

test('beyond the limit attempts are counted under other, until a configuration makes room', async () => {
  const metrics = metricsWith({ providersMax: 2 })
  const tries = ['a', 'b', 'c', 'd'].map((provider) => attempt({ provider, reason: 'ServerError' }))
  handle(metrics, record({ tries }))
  expect(await samples(metrics, 'outrigger_attempts_total')).toEqual([
    '{provider=a,outcome=provider_error} 1',
    '{provider=b,outcome=provider_error} 1',
    '{provider=other,outcome=provider_error} 2',
  ])
  adopt(metrics, [], ['b', 'c'])
  handle(metrics, record({ tries }))
  expect(nonZero(await samples(metrics, 'outrigger_attempts_total'))).toEqual([
    '{provider=b,outcome=provider_error} 2',
    '{provider=c,outcome=provider_error} 1',
    '{provider=other,outcome=provider_error} 4',
  ])
})

const CIRCUIT = { forMs: 5, leftMs: undefined, timeToFirstByteMs: 412, opened: 0, why: '' }

const REPORT: ProviderReport = {
  provider: 'ai/openai',
  inFlight: 3,
  health: { state: 'Unhealthy', forMs: 5, why: 'timeout' },
  circuits: [
    { ...CIRCUIT, operation: 'Chat', state: 'Open', leftMs: 10, opened: 4, why: '5 failures in a row' },
    { ...CIRCUIT, operation: 'Embeddings', state: 'HalfOpen', opened: 1, why: 'probing' },
    { ...CIRCUIT, operation: 'Images', state: 'Closed' },
  ],
  retriesDenied: 12,
  credentials: [
    { name: 'primary', blocks: [], setAside: { RateLimited: 2 } },
    {
      name: 'second',
      blocks: [{ state: 'SetAside', model: undefined, leftMs: 5, why: '401' }],
      setAside: { Unauthorized: 1, RateLimited: 0 },
    },
    {
      name: 'third',
      blocks: [{ state: 'CoolingDown', model: 'm', leftMs: 5, why: '429' }],
      setAside: {},
    },
  ],
}
const IDLE = { ...REPORT, provider: 'ai/vllm', health: undefined, circuits: [], retriesDenied: 0, credentials: [] }

const AT_THE_SCRAPE: [name: string, expected: string[]][] = [
  ['outrigger_retries_denied_total', ['{provider=ai/openai} 12', '{provider=ai/vllm} 0']],
  [
    'outrigger_circuit_state',
    [
      '{provider=ai/openai,operation=Chat} 2',
      '{provider=ai/openai,operation=Embeddings} 1',
      '{provider=ai/openai,operation=Images} 0',
    ],
  ],
  [
    'outrigger_circuit_opened_total',
    [
      '{provider=ai/openai,operation=Chat} 4',
      '{provider=ai/openai,operation=Embeddings} 1',
      '{provider=ai/openai,operation=Images} 0',
    ],
  ],
  ['outrigger_provider_healthy', ['{provider=ai/openai} 0']],
  [
    'outrigger_credential_available',
    [
      '{provider=ai/openai,credential=primary} 1',
      '{provider=ai/openai,credential=second} 0',
      '{provider=ai/openai,credential=third} 0',
    ],
  ],
  [
    'outrigger_credential_set_aside_total',
    [
      '{provider=ai/openai,credential=primary,reason=RateLimited} 2',
      '{provider=ai/openai,credential=second,reason=Unauthorized} 1',
      '{provider=ai/openai,credential=second,reason=RateLimited} 0',
    ],
  ],
]

test.each(AT_THE_SCRAPE)('%s is read when it is scraped', async (name, expected) => {
  expect(await samples(metricsWith({ standings: () => [REPORT, IDLE] }), name)).toEqual(expected)
})
