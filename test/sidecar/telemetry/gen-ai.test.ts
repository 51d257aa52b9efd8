import { expect, test } from '@jest/globals'
import { createHistogram, cumulativeCounts, observe } from '../../../sidecar/telemetry/histogram.ts'
import { adopt, handle, metricsWith, record, samples, scrape } from './records.ts'

test('a value on a bound falls into its bucket, one above every bound into the last', () => {
  const histogram = createHistogram([1, 4, 16])
  for (const value of [0, 1, 1.01, 4, 17]) observe(histogram, value)
  expect(cumulativeCounts(histogram)).toEqual([2, 4, 4, 5])
  expect(histogram.sum).toBeCloseTo(23.01)
})

const BOUNDS = {
  gen_ai_client_token_usage: '1 4 16 64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864 +Inf',
  gen_ai_client_operation_duration_seconds:
    '0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 +Inf',
  gen_ai_client_operation_time_to_first_chunk_seconds:
    '0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 +Inf',
}

test.each(Object.entries(BOUNDS))('%s has the bounds of the semantic conventions', async (name, bounds) => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, record({ stream: true }))
  const first = (await scrape(metrics)).get(name)?.samples.slice(0, 15)
  expect(first?.map(({ labels }) => labels.le).join(' ')).toBe(bounds)
})

test('a streamed request is measured in tokens, duration and time to the first chunk', async () => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, record({ stream: true, firstByteMs: 41_000, durationMs: 90_000 }))
  const where = 'gen_ai_operation_name=chat,gen_ai_provider_name=openai,gen_ai_request_model=gpt-5-mini'
  expect(await samples(metrics, 'gen_ai_client_operation_duration_seconds')).toEqual([
    `_bucket{le=+Inf,${where}} 1`,
    `_sum{${where}} 90`,
    `_count{${where}} 1`,
  ])
  expect(await samples(metrics, 'gen_ai_client_operation_time_to_first_chunk_seconds')).toEqual([
    `_bucket{le=81.92,${where}} 1`,
    `_bucket{le=+Inf,${where}} 1`,
    `_sum{${where}} 41`,
    `_count{${where}} 1`,
  ])
  expect((await samples(metrics, 'gen_ai_client_token_usage')).filter((line) => !line.startsWith('_bucket'))).toEqual([
    `_sum{${where},gen_ai_token_type=input} 100`,
    `_count{${where},gen_ai_token_type=input} 1`,
    `_sum{${where},gen_ai_token_type=output} 30`,
    `_count{${where},gen_ai_token_type=output} 1`,
  ])
})

test('an answer that is not streamed has no time to the first chunk', async () => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, record({ stream: false }))
  expect(await samples(metrics, 'gen_ai_client_operation_time_to_first_chunk_seconds')).toEqual([])
})

test.each([
  ['Chat', 'ai/openai', 'chat openai'],
  ['Responses', 'ai/azure', 'chat azure.ai.openai'],
  ['Messages', 'ai/anthropic', 'chat anthropic'],
  ['Chat', 'ai/gemini', 'generate_content gcp.gemini'],
  ['Embeddings', 'ai/gemini', 'embeddings gcp.gemini'],
  ['Completions', 'ai/vllm', 'text_completion openai_compatible'],
  ['Images', 'ai/openai', 'images openai'],
  ['Models', 'ai/openai', undefined],
  ['Other', 'ai/openai', undefined],
  ['Chat', '', undefined],
  ['Chat', 'ai/unknown', undefined],
] as const)('%s at %s is called %s', async (operation, provider, expected) => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, record({ operation, provider }))
  const family = (await scrape(metrics)).get('gen_ai_client_operation_duration_seconds')
  const labels = family?.samples.at(-1)?.labels
  expect(labels && `${labels.gen_ai_operation_name} ${labels.gen_ai_provider_name}`).toBe(expected)
})

test.each([
  [record(), undefined],
  [record({ status: 429, fault: 'provider' }), '429'],
  [record({ status: 200, fault: 'provider', failure: 'provider_truncated' }), 'provider_truncated'],
  [record({ status: 499, fault: 'caller', failure: 'client_closed' }), 'client_closed'],
])('the error type of case %# is the failure, else the status', async (one, expected) => {
  const metrics = metricsWith()
  adopt(metrics, [])
  handle(metrics, one)
  const family = (await scrape(metrics)).get('gen_ai_client_operation_duration_seconds')
  expect(family?.samples.at(-1)?.labels.error_type).toBe(expected)
})
