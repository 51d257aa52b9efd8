// The scripts by themselves, on a real Redis: each row a sequence of calls and what is answered.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { AMOUNT_SCRIPT, type AmountCall, amountValues, parseAmountReply } from '../../../sidecar/store/amount-script.ts'
import { PRESENCE_SCRIPT } from '../../../sidecar/store/presence-script.ts'
import type { Script } from '../../../sidecar/store/script.ts'
import { parseSlotReply, SLOT_SCRIPT, type SlotCall, slotValues } from '../../../sidecar/store/slot-script.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { eventually, sleep } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  if (redis.client.status === 'wait') await redis.client.connect()
  await redis.client.flushall()
})

function run({ lua }: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
  return redis.client.eval(lua, keys.length, ...keys, ...values)
}

const PERIOD: AmountCall = {
  bucketMs: 0,
  keptMs: 0,
  limit: 100,
  burst: 0,
  refillPerMs: 0,
  need: 0,
  want: 0,
  parts: 2,
  expiryMs: 60_000,
  batch: 0,
  batchExpiryMs: 60_000,
  changes: [],
}
/** Buckets so wide that none ends in a test. */
const WINDOW: AmountCall = { ...PERIOD, bucketMs: 10 ** 9, keptMs: 128 * 10 ** 9, refillPerMs: 1e-6 }

async function amount(call: AmountCall, from = 'pod') {
  const reply = parseAmountReply(await run(AMOUNT_SCRIPT, ['{c}', `{c}:${from}`], amountValues(call)))
  return { ...(reply.fits ? {} : { denied: true }), granted: reply.granted, sum: reply.sum }
}

type Step = [call: Partial<AmountCall>, expected: object]

const SEQUENCES: [what: string, steps: Step[]][] = [
  [
    'what is needed is granted while it fits, and the rest is no one’s',
    [
      [
        { need: 60, want: 60 },
        { granted: 60, sum: 60 },
      ],
      [
        { need: 41, want: 41 },
        { denied: true, granted: 0, sum: 60 },
      ],
      [
        { need: 40, want: 40 },
        { granted: 40, sum: 100 },
      ],
      [
        { need: 1, want: 1 },
        { denied: true, granted: 0, sum: 100 },
      ],
    ],
  ],
  [
    'beyond what is needed a lease is a part of what remains, so leases shrink near the limit',
    [
      [
        { need: 0, want: 90, parts: 2 },
        { granted: 50, sum: 50 },
      ],
      [
        { need: 10, want: 90, parts: 4 },
        { granted: 20, sum: 70 },
      ],
      [
        { need: 10, want: 12, parts: 2 },
        { granted: 12, sum: 82 },
      ],
      [
        { need: 17, want: 90, parts: 16 },
        { granted: 17, sum: 99 },
      ],
      [
        { need: 0, want: 90 },
        { granted: 0, sum: 99 },
      ],
    ],
  ],
  [
    'a correction counts before what is needed is compared',
    [
      [
        { need: 100, want: 100 },
        { granted: 100, sum: 100 },
      ],
      [
        { need: 30, want: 30, batch: 1, changes: [0, -30] },
        { granted: 30, sum: 100 },
      ],
    ],
  ],
  [
    'a batch that comes again counts once, whatever else is asked with it',
    [
      [
        { need: 50, want: 50 },
        { granted: 50, sum: 50 },
      ],
      [
        { batch: 1, changes: [0, -20] },
        { granted: 0, sum: 30 },
      ],
      [
        { batch: 1, changes: [0, -20], need: 5, want: 5 },
        { granted: 5, sum: 35 },
      ],
      [
        { batch: 2, changes: [0, -20] },
        { granted: 0, sum: 15 },
      ],
    ],
  ],
  [
    'what was used beyond the limit is counted',
    [
      [
        { batch: 1, changes: [0, 170] },
        { denied: true, granted: 0, sum: 170 },
      ],
      [
        { batch: 2, changes: [0, -80], need: 10, want: 10 },
        { granted: 10, sum: 100 },
      ],
    ],
  ],
  [
    'nothing is given back that is not there: the store may have lost it',
    [
      [
        { need: 10, want: 10 },
        { granted: 10, sum: 10 },
      ],
      [
        { batch: 1, changes: [0, -70] },
        { granted: 0, sum: 0 },
      ],
      [
        { need: 100, want: 100 },
        { granted: 100, sum: 100 },
      ],
    ],
  ],
]

describeWithRedis('the script of amounts', () => {
  test.each(SEQUENCES)('%s', async (_what, steps) => {
    for (const [call, expected] of steps) expect(await amount({ ...PERIOD, ...call })).toEqual(expected)
  })

  test.each(SEQUENCES)('in a window: %s', async (_what, steps) => {
    const bucket = Math.floor(Date.now() / WINDOW.bucketMs)
    for (const [call, expected] of steps) {
      const changes = (call.changes ?? []).map((number, i) => (i % 2 === 0 ? bucket : number))
      expect(await amount({ ...WINDOW, ...call, changes })).toEqual(expected)
    }
  })

  test('what has left the window is no news, be it less or more, and what is to come counts now', async () => {
    const bucket = Math.floor(Date.now() / WINDOW.bucketMs)
    expect(await amount({ ...WINDOW, batch: 1, changes: [bucket - 500, -5, bucket - 499, 30, bucket + 9, 4] })).toEqual(
      {
        granted: 0,
        sum: 4,
      },
    )
    expect(await redis.client.hget('{c}', String(bucket))).toBe('4')
  })

  test('buckets are forgotten one after the other, the key after the last', async () => {
    const call = { ...WINDOW, bucketMs: 10, keptMs: 100, expiryMs: 400 }
    await amount({ ...call, need: 40, want: 40 })
    await sleep(60)
    await amount({ ...call, need: 60, want: 60 })
    await eventually(async () => (await amount({ ...call })).sum === 60)
    await eventually(async () => (await amount({ ...call })).sum === 0)
    const fields = await redis.client.hkeys('{c}')
    expect(fields.filter((field) => /^\d+$/.test(field)).length).toBeLessThanOrEqual(1)
    await eventually(async () => (await redis.client.exists('{c}')) === 0)
  })

  test('each sidecar numbers its own batches', async () => {
    await amount({ ...PERIOD, batch: 1, changes: [0, 5] }, 'one')
    expect(await amount({ ...PERIOD, batch: 1, changes: [0, 5] }, 'other')).toMatchObject({ sum: 10 })
  })

  test('money beyond 2^53 pico-USD adds up exactly in the store', async () => {
    const million = 10 ** 18
    await amount({ ...PERIOD, limit: million, batch: 1, changes: [0, 2 ** 53] })
    for (let batch = 2; batch < 12; batch++) await amount({ ...PERIOD, limit: million, batch, changes: [0, 1] })
    expect(await redis.client.hget('{c}', 'sum')).toBe(String(2n ** 53n + 10n))
    expect(await redis.client.hget('{c}', '0')).toBe(String(2n ** 53n + 10n))
  })

  test('a bucket of tokens passes so much at once, then at the rate; what comes back fills it', async () => {
    const call = { ...WINDOW, burst: 20 }
    expect(await amount({ ...call, need: 15, want: 15 })).toEqual({ granted: 15, sum: 15 })
    expect(await amount({ ...call, need: 6, want: 6 })).toEqual({ denied: true, granted: 0, sum: 15 })
    const bucket = Math.floor(Date.now() / WINDOW.bucketMs)
    expect(await amount({ ...call, need: 20, want: 20, batch: 1, changes: [bucket, -15] })).toMatchObject({
      granted: 20,
    })
    const fast = { ...call, refillPerMs: 0.1 }
    await eventually(async () => (await amount({ ...fast, need: 5, want: 5 })).granted === 5)
  })

  test('an amount larger than the bucket needs it full, and leaves it in debt', async () => {
    const call = { ...WINDOW, burst: 20 }
    expect(await amount({ ...call, need: 50, want: 50 })).toMatchObject({ granted: 50 })
    expect(await amount({ ...call, need: 1, want: 1 })).toMatchObject({ denied: true })
    expect(Number(await redis.client.hget('{c}', 'missing'))).toBeGreaterThan(49)
  })

  test('when memory is short nothing of it is done', async () => {
    await amount({ ...PERIOD, need: 10, want: 10 })
    await redis.client.config('SET', 'maxmemory', '1')
    await expect(amount({ ...PERIOD, need: 10, want: 10, batch: 1, changes: [0, 3] })).rejects.toThrow('OOM')
    await redis.client.config('SET', 'maxmemory', '0')
    expect(await amount({ ...PERIOD, batch: 1, changes: [0, 3] })).toEqual({ granted: 0, sum: 13 })
  })
})

const SLOTS: SlotCall = { holder: 'a', limit: 10, open: 0, need: 0, want: 0, parts: 2, expiryMs: 60_000 }

async function slots(call: Partial<SlotCall>) {
  return parseSlotReply(await run(SLOT_SCRIPT, ['{s}:e', '{s}:h'], slotValues({ ...SLOTS, ...call })))
}

describeWithRedis('the script of slots', () => {
  test('each holder has what it says, as far as there is room', async () => {
    const steps: [Partial<SlotCall>, object][] = [
      [
        { holder: 'a', need: 4, want: 4 },
        { fits: true, held: 4, sum: 4 },
      ],
      [
        { holder: 'b', need: 4, want: 10, parts: 2 },
        { fits: true, held: 5, sum: 9 },
      ],
      [
        { holder: 'a', need: 6, want: 6 },
        { fits: false, held: 4, sum: 9 },
      ],
      [
        { holder: 'a', need: 5, want: 9 },
        { fits: true, held: 5, sum: 10 },
      ],
      [
        { holder: 'b', need: 1, want: 1 },
        { fits: true, held: 1, sum: 6 },
      ],
      [
        { holder: 'a', need: 0, want: 0 },
        { fits: true, held: 0, sum: 1 },
      ],
      [
        { holder: 'a', open: 12, need: 12, want: 12 },
        { fits: true, held: 12, sum: 13 },
      ],
      // Of what is held beyond the limit only what is open stays.
      [
        { holder: 'b', open: 1, limit: 3, need: 1, want: 1 },
        { fits: true, held: 1, sum: 13 },
      ],
      [
        { holder: 'b', limit: 3, need: 1, want: 1 },
        { fits: false, held: 0, sum: 12 },
      ],
    ]
    for (const [call, expected] of steps) expect(await slots(call)).toEqual(expected)
  })

  test('what is not renewed comes back, and what is renewed does not', async () => {
    await slots({ holder: 'dead', need: 6, want: 6, expiryMs: 300 })
    await slots({ holder: 'alive', need: 4, want: 4, expiryMs: 300 })
    expect(await slots({ holder: 'c', need: 1, want: 1 })).toMatchObject({ fits: false })
    await eventually(async () => {
      await slots({ holder: 'alive', need: 4, want: 4, expiryMs: 300 })
      return (await slots({ holder: 'c', need: 6, want: 6 })).fits
    })
    expect(await slots({ holder: 'c', need: 6, want: 6 })).toEqual({ fits: true, held: 6, sum: 10 })
  })
})

describeWithRedis('the script of presence', () => {
  test('counts who said so lately', async () => {
    const say = (name: string, expiryMs: number) => run(PRESENCE_SCRIPT, ['{p}'], [name, expiryMs])
    expect(await say('a', 60_000)).toBe(1)
    expect(await say('b', 60_000)).toBe(2)
    expect(await say('a', 60_000)).toBe(2)
    expect(await say('a', 0)).toBe(1)
    await say('c', 50)
    await eventually(async () => (await say('b', 60_000)) === 1)
  })
})
