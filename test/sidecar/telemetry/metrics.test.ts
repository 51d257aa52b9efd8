import { expect, test } from '@jest/globals'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { adoptedConfig } from '../../../sidecar/telemetry/targets.ts'
import { parsePrometheusText } from '../../support/prometheus-text.ts'
import { CIRCUIT_BREAKER, priceConfig, RETRY_BUDGET, ruleConfig } from '../../support/sidecar-config.ts'
import { adopt, handle, metricsWith, record, samples, scrape, TARGET } from './records.ts'

const WHERE = 'route=shop/chat,rule=fast,provider=ai/openai,model=gpt-5-mini'

test('before anything happened, the scrape parses and every closed series stands at 0', async () => {
  const families = await scrape(metricsWith())
  const values = [...families.values()]
    .filter(({ name }) => name.startsWith('outrigger_') && !name.includes('event_loop'))
    .map(({ name, type, samples }) => `${type} ${name} ${[...new Set(samples.map(({ value }) => value))].join()}`)
  expect(values).toEqual([
    'gauge outrigger_requests_in_flight 0',
    'counter outrigger_requests_total ',
    'counter outrigger_request_failures_total 0',
    'counter outrigger_tokens_total ',
    'counter outrigger_cost_usd_total ',
    'counter outrigger_cost_unknown_total 0',
    'counter outrigger_requests_unpriced_total ',
    'counter outrigger_usage_missing_total 0',
    'counter outrigger_attempts_total ',
    'counter outrigger_retries_total ',
    'counter outrigger_retries_denied_total ',
    'gauge outrigger_circuit_state ',
    'counter outrigger_circuit_opened_total ',
    'gauge outrigger_provider_healthy ',
    'gauge outrigger_credential_available ',
    'counter outrigger_credential_set_aside_total ',
    'gauge outrigger_limit_capacity ',
    'gauge outrigger_limit_used ',
    'counter outrigger_limit_refused_total ',
    'gauge outrigger_limit_keys ',
    'counter outrigger_limit_keys_overflowed_total ',
    'gauge outrigger_budget_amount_usd ',
    'gauge outrigger_budget_spent_usd ',
    'gauge outrigger_budget_exhausted ',
    'counter outrigger_budget_refused_total ',
    'gauge outrigger_store_up ',
    'counter outrigger_store_calls_total ',
    'counter outrigger_store_failures_total ',
    'gauge outrigger_config_info ',
    'gauge outrigger_config_last_adopted_timestamp_seconds 0',
    'counter outrigger_config_rejected_total 0',
    'gauge outrigger_config_rejected 0',
    'counter outrigger_access_log_dropped_total 0',
    'gauge outrigger_upstream_connections ',
    'gauge outrigger_build_info 1',
  ])
  expect(families.get('outrigger_request_failures_total')?.samples).toContainEqual({
    name: 'outrigger_request_failures_total',
    labels: { code: 'overloaded', fault: 'outrigger' },
    value: 0,
  })
})

test('the process and the event loop are reported without the figures of a slow sampler', async () => {
  const names = [...(await scrape(metricsWith())).keys()]
  expect(names).toEqual(
    expect.arrayContaining([
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_seconds',
      'outrigger_event_loop_busy_seconds_total',
    ]),
  )
  expect(names.filter((name) => /eventloop_lag_./.test(name))).toEqual(['nodejs_eventloop_lag_seconds'])
})

test('requests in flight rise and fall', async () => {
  const metrics = metricsWith()
  metrics.requestStarted()
  metrics.requestStarted()
  metrics.requestEnded(record())
  expect(metrics.requestsInFlight()).toBe(1)
  expect(await samples(metrics, 'outrigger_requests_in_flight')).toEqual(['{} 1'])
})

test('requests are counted by where they went and how they ended', async () => {
  const metrics = metricsWith()
  handle(
    metrics,
    record(),
    record(),
    record({ status: 429, fault: 'provider' }),
    record({ status: 504, fault: 'provider', failure: 'provider_idle_timeout' }),
    record({
      route: undefined,
      rule: undefined,
      provider: '',
      model: '',
      operation: undefined,
      usage: undefined,
      status: 404,
      fault: 'caller',
      failure: 'unknown_path',
    }),
  )
  expect(await samples(metrics, 'outrigger_requests_total')).toEqual([
    `{${WHERE},operation=Chat,status=200,fault=} 2`,
    `{${WHERE},operation=Chat,status=429,fault=provider} 1`,
    `{${WHERE},operation=Chat,status=504,fault=provider} 1`,
    '{route=,rule=,provider=,model=,operation=,status=404,fault=caller} 1',
  ])
  expect((await samples(metrics, 'outrigger_request_failures_total')).filter((line) => !line.endsWith(' 0'))).toEqual([
    '{code=unknown_path,fault=caller} 1',
    '{code=provider_idle_timeout,fault=provider} 1',
  ])
})

test('tokens and cost add up, and a label value with quotes and line feeds survives', async () => {
  const metrics = metricsWith()
  const model = 'a"b\\c'
  handle(metrics, record({ model }), record({ model }))
  const where = `route=shop/chat,rule=fast,provider=ai/openai,model=${model}`
  expect(await samples(metrics, 'outrigger_tokens_total')).toEqual([
    `{${where},type=input} 200`,
    `{${where},type=cached_input} 80`,
    `{${where},type=cache_write} 10`,
    `{${where},type=output} 60`,
    `{${where},type=reasoning} 20`,
  ])
  expect(await samples(metrics, 'outrigger_cost_usd_total')).toEqual([`{${where}} 0.000003`])
})

test('an unknown price is counted as unknown and shows no cost', async () => {
  const metrics = metricsWith()
  adopt(metrics, [{ ...TARGET, priced: false }])
  handle(metrics, record({ costPicoUsd: undefined }))
  expect(await samples(metrics, 'outrigger_cost_usd_total')).toEqual([])
  expect(await samples(metrics, 'outrigger_cost_unknown_total')).toEqual(['{} 1'])
})

test.each([
  ['a chat without usage', record({ usage: undefined }), 1],
  ['a chat that the provider refused', record({ usage: undefined, status: 429, fault: 'provider' }), 0],
  ['a chat that was cut off', record({ usage: undefined, fault: 'provider', failure: 'provider_truncated' }), 0],
  ['reading a stored response', record({ usage: undefined, operation: 'Responses', method: 'GET' }), 0],
  ['a list of models', record({ usage: undefined, operation: 'Models', method: 'GET', provider: '' }), 0],
  ['an image', record({ usage: undefined, operation: 'Images' }), 0],
  ['a chat with usage', record(), 0],
])('usage counts as missing or not: %s', async (_name, one, expected) => {
  const metrics = metricsWith()
  handle(metrics, one)
  expect(await samples(metrics, 'outrigger_usage_missing_total')).toEqual([`{} ${expected}`])
})

test('adopting a config sets its counters to 0 and names the revision', async () => {
  const metrics = metricsWith()
  metrics.configRejected()
  adopt(metrics, [TARGET, { ...TARGET, model: 'unpriced', priced: false }])
  expect(await samples(metrics, 'outrigger_config_info')).toEqual(['{revision=abc} 1'])
  expect(await samples(metrics, 'outrigger_config_last_adopted_timestamp_seconds')).toEqual(['{} 1700000000.5'])
  expect(await samples(metrics, 'outrigger_config_rejected')).toEqual(['{} 0'])
  expect(await samples(metrics, 'outrigger_config_rejected_total')).toEqual(['{} 1'])
  expect(await samples(metrics, 'outrigger_cost_usd_total')).toEqual([`{${WHERE}} 0`])
  expect(await samples(metrics, 'outrigger_tokens_total')).toHaveLength(10)
})

test('a rejected config shows until the next one is adopted', async () => {
  const metrics = metricsWith()
  adopt(metrics, [])
  metrics.configRejected()
  expect(await samples(metrics, 'outrigger_config_rejected')).toEqual(['{} 1'])
  expect(await samples(metrics, 'outrigger_config_info')).toEqual(['{revision=abc} 1'])
})

test('what others count is read at each scrape', async () => {
  let dropped = 0
  const metrics = metricsWith({
    accessLogDropped: () => dropped,
    connections: () => [{ provider: 'ai/openai', open: 5, idle: 3 }],
  })
  dropped = 7
  expect(await samples(metrics, 'outrigger_access_log_dropped_total')).toEqual(['{} 7'])
  expect(await samples(metrics, 'outrigger_upstream_connections')).toEqual([
    '{provider=ai/openai,state=open} 5',
    '{provider=ai/openai,state=idle} 3',
  ])
  expect(await samples(metrics, 'outrigger_build_info')).toEqual(['{version=1.2.3} 1'])
})

test('beyond the limit requests are counted under other, and no total is wrong', async () => {
  const metrics = metricsWith({ seriesMax: 6, histogramsMax: 3 })
  adopt(metrics, [])
  for (let i = 0; i < 50; i++) handle(metrics, record({ model: `m${i}`, status: 200 + (i % 7), stream: true }))
  const counted = await samples(metrics, 'outrigger_requests_total')
  expect(counted).toEqual([
    '{route=shop/chat,rule=fast,provider=ai/openai,model=m0,operation=Chat,status=200,fault=} 1',
    '{route=shop/chat,rule=fast,provider=ai/openai,model=m1,operation=Chat,status=201,fault=} 1',
    '{route=shop/chat,rule=fast,provider=ai/openai,model=m2,operation=Chat,status=202,fault=} 1',
    '{route=other,rule=other,provider=other,model=other,operation=other,status=other,fault=other} 47',
  ])
  const input = (await samples(metrics, 'outrigger_tokens_total')).filter((line) => line.includes('type=input'))
  expect(input.map((line) => Number(line.split(' ').at(-1)))).toEqual([100, 100, 100, 4700])
  const counts = (await samples(metrics, 'gen_ai_client_operation_duration_seconds')).filter((line) =>
    line.startsWith('_count'),
  )
  expect(counts).toEqual([
    '_count{gen_ai_operation_name=chat,gen_ai_provider_name=openai,gen_ai_request_model=m0} 1',
    '_count{gen_ai_operation_name=other,gen_ai_provider_name=other,gen_ai_request_model=other} 49',
  ])
})

test('when space is short a new config makes room by forgetting what it does not name', async () => {
  const metrics = metricsWith({ seriesMax: 6, histogramsMax: 9 })
  adopt(metrics, [])
  handle(metrics, record({ model: 'old' }), record({ model: 'kept' }), record({ model: 'older' }))
  adopt(metrics, [{ ...TARGET, model: 'kept' }])
  handle(metrics, record({ model: 'new' }))
  const models = (await samples(metrics, 'outrigger_requests_total')).map((line) => /model=(\w+)/.exec(line)?.[1])
  expect(models).toEqual(['kept', 'new'])
  const genAi = (await samples(metrics, 'gen_ai_client_operation_duration_seconds'))
    .filter((line) => line.startsWith('_count'))
    .map((line) => /model=(\w+)/.exec(line)?.[1])
  expect(genAi).toEqual(['kept', 'new'])
})

test('the targets of a config are its routed backends, or every model where no route selects the pod', () => {
  const shared = {
    headers: [],
    streamUsage: 'Requested' as const,
    credentials: [],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    connections: { max: 1, idleMs: 1 },
    circuitBreaker: CIRCUIT_BREAKER,
    retryBudget: RETRY_BUDGET,
    limits: [],
    tls: {},
  }
  const price = priceConfig({ inputPicoUsd: 1, cachedInputPicoUsd: 1, cacheWritePicoUsd: 1, outputPicoUsd: 1 })
  const priced = { name: 'a', upstreamName: 'a', price }
  const unpriced = { name: 'b', upstreamName: 'b' }
  const base = {
    format: 1 as const,
    revision: 'r1',
    namespace: 'shop',
    providers: [
      { ...shared, id: 'ai/p', type: 'OpenAI' as const, baseURL: 'https://p.example', models: [priced, unpriced] },
      { ...shared, id: 'ai/q', type: 'Gemini' as const, baseURL: 'https://q.example', models: [] },
    ],
  }
  const rule = ruleConfig('', {})
  const routes = [
    {
      id: 'shop/chat',
      workloads: { matchLabels: { app: 'shop' }, matchExpressions: [] },
      limits: [],
      budgets: [],
      rules: [
        { ...rule, name: 'one', backends: [{ provider: 'ai/p', model: 'b', weight: 1, priority: 0 }] },
        {
          ...rule,
          name: 'any',
          backends: [
            { provider: 'ai/p', weight: 1, priority: 0 },
            { provider: 'ai/q', weight: 1, priority: 0 },
          ],
        },
      ],
    },
  ]
  const config = { ...base, routes }
  const targets = (labels: Record<string, string>) => adoptedConfig(createRuntime(config, labels), 5)
  const chat = { route: 'shop/chat', provider: 'ai/p' }
  expect(targets({ app: 'shop' })).toEqual({
    revision: 'r1',
    atMs: 5,
    providerTypes: new Map([
      ['ai/p', 'OpenAI'],
      ['ai/q', 'Gemini'],
    ]),
    usable: ['ai/p', 'ai/q'],
    targets: [
      { ...chat, rule: 'one', model: 'b', priced: false },
      { ...chat, rule: 'any', model: 'a', priced: true },
      { ...chat, rule: 'any', model: 'b', priced: false },
    ],
  })
  expect(targets({ app: 'other' }).targets).toEqual([
    { route: '', rule: '', provider: 'ai/p', model: 'a', priced: true },
    { route: '', rule: '', provider: 'ai/p', model: 'b', priced: false },
  ])
})

test('the JSON form holds the same numbers as the text', async () => {
  const metrics = metricsWith()
  adopt(metrics, [TARGET])
  handle(metrics, record({ stream: true }))
  const names = ['outrigger_tokens_total', 'gen_ai_client_operation_duration_seconds']
  const text = parsePrometheusText(await metrics.registry.metrics())
  const json = await metrics.registry.getMetricsAsJSON()
  for (const name of names) {
    const family = json.find((one) => one.name === name) as unknown as { values: { metricName?: string }[] }
    expect(family.values).toEqual(
      text.get(name)?.samples.map(({ name: line, ...rest }) => (line === name ? rest : { ...rest, metricName: line })),
    )
  }
})
