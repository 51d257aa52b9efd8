// When a pod waits, before it is ready, for what it may count of limits that it shares with others; and at its end, to say what it has used.
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createLog } from '../../process/log.ts'
import { createRuntime } from '../../sidecar/config/runtime.ts'
import { createLimiting, type Limiting } from '../../sidecar/limiting.ts'
import type { Grant } from '../../sidecar/limits/grant.ts'
import { SIDECAR_FLAGS, type SidecarSettings } from '../../sidecar/settings.ts'
import { parseStoreAddress } from '../../sidecar/store/store-address.ts'
import { limitConfig, provider, sidecarConfig } from '../support/sidecar-config.ts'
import { startRedis } from './store/redis.ts'
import { eventually } from './store/sources.ts'
import { describeWithRedis } from './store/with-redis.ts'

const ID = 'provider:shop/openai/rpm'
const WAITS = 'no share of shared limits has come yet'
/** Nobody listens there. */
const AWAY = parseStoreAddress('redis://127.0.0.1:1')

let nowMs = 1_000_000
let limiting: Limiting | undefined

afterEach(async () => {
  await limiting?.close()
  limiting = undefined
})

async function start(settings: Partial<SidecarSettings>): Promise<Limiting> {
  const flags = Object.entries(SIDECAR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
  const defaults = Object.fromEntries(flags) as SidecarSettings
  limiting = await createLimiting({
    settings: { ...defaults, limitShares: 'assigned', tokenizer: 'off', ...settings },
    identity: { pod: 'shop-1', workload: 'Deployment/shop', namespace: 'shop' },
    log: createLog({ level: 'error', service: 'sidecar', format: 'json', write: () => {}, now: () => nowMs }),
    now: () => nowMs,
    wallClock: () => nowMs,
    random: () => 0.5,
  })
  const openAi = provider('shop/openai', 'OpenAI', ['m'], { limits: [limitConfig(ID, 'Requests', 10)] })
  limiting.adopt(createRuntime(sidecarConfig({ providers: [openAi] }), {}))
  return limiting
}

test.each<[name: string, settings: Partial<SidecarSettings>]>([
  ['without a store', {}],
  ['while its store is away', { store: AWAY }],
])('a pod %s waits for its share, 30 s at most', async (_name, settings) => {
  const { awaits, assign, instance } = await start(settings)
  expect(awaits()).toBe(WAITS)
  assign({ instance: 'an earlier process', version: 1, shares: { [ID]: 5 } })
  expect(awaits()).toBe(WAITS)
  nowMs += 30_001
  expect(awaits()).toBeUndefined()
  nowMs -= 30_001
  assign({ instance, version: 2, shares: { [ID]: 5 } })
  expect(awaits()).toBeUndefined()
})

test.each(['Allow', 'Deny'] as const)('a pod that shares would not help waits for none: %s', async (onStoreFailure) => {
  const { awaits } = await start({ store: AWAY, onStoreFailure })
  expect(awaits()).toBeUndefined()
})

describe('at its end a pod', () => {
  test('waits until it was asked what it has used', async () => {
    const { assign, instance, end, sharesReport, limits } = await start({})
    assign({ instance, version: 1, shares: { [ID]: 5 } })
    const [row] = limits.reports(nowMs).map(({ row }) => row)
    const head = { method: 'POST', target: '/v1/chat/completions', rawHeaders: [] }
    const values = { provider: 'shop/openai', model: '', head }
    const use = { inputTokens: 0, outputTokens: 0, costPicoUsd: 0 }
    const grant = limits.take(row === undefined ? [] : [row], values, use, nowMs) as Grant
    expect(sharesReport()).not.toHaveProperty('ended')

    let isOver = false
    const over = end().then(() => {
      isOver = true
    })
    // Something is open: that is not its last word.
    expect(sharesReport()).not.toHaveProperty('ended')
    await setImmediate()
    expect(isOver).toBe(false)

    grant.settle(use, nowMs)
    expect(sharesReport()).toMatchObject({ ended: true, limits: [{ id: ID, share: 5, used: 1 }] })
    await over
  })

  test.each<[name: string, settings: Partial<SidecarSettings>]>([
    ['was granted nothing', {}],
    ['counts in a store', { store: AWAY }],
  ])('that %s does not wait', async (_name, settings) => {
    const { end, sharesReport } = await start(settings)
    await end()
    expect(sharesReport()).not.toHaveProperty('ended')
  })
})

describeWithRedis('a pod whose store is up', () => {
  test('waits for no share', async () => {
    const server = await startRedis()
    try {
      const { awaits, store } = await start({ store: parseStoreAddress(server.url), storeTimeout: 1000 })
      await eventually(() => store()?.state === 'Up')
      expect(awaits()).toBeUndefined()
    } finally {
      await server.stop()
    }
  })
})
