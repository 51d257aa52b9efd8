import { expect, test } from '@jest/globals'
import { createRateLimit, createSlots } from '../../operator/pace.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

function start(perSecond: number) {
  const clock = createVirtualClock()
  const limit = createRateLimit(perSecond, { uptime: clock.now, startTimer: clock.startTimer })
  let gone = 0
  const go = (count: number): void => {
    for (let i = 0; i < count; i++) void limit.turn().then(() => gone++)
  }
  return { clock, limit, go, gone: () => gone }
}

test('lets a second’s worth go at once, and the others at the rate', async () => {
  const { clock, go, gone } = start(10)
  await clock.advance(5_000)
  go(100)
  await clock.advance(0)
  expect(gone()).toBe(10)
  await clock.advance(1_000)
  expect(gone()).toBe(20)
  await clock.advance(8_000)
  expect([gone(), clock.pending]).toEqual([100, 0])
})

test('lets everybody go when it is closed', async () => {
  const { clock, limit, go, gone } = start(1)
  go(5)
  limit.close()
  go(5)
  await clock.advance(0)
  expect([gone(), clock.pending]).toEqual([10, 0])
})

test('runs so many at once, also after one has failed', async () => {
  const inSlot = createSlots(2)
  let [now, most] = [0, 0]
  const run = async (): Promise<void> => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now--
    throw new Error('failed')
  }
  await Promise.allSettled(Array.from({ length: 20 }, () => inSlot(run)))
  expect([most, now]).toEqual([2, 0])
})
