import { performance } from 'node:perf_hooks'
import { expect, test } from '@jest/globals'
import { wait } from '../../../sidecar/attempt/wait.ts'
import type { ExchangeObserver } from '../../../sidecar/listen/exchange.ts'

const NOBODY: ExchangeObserver = { onDrain() {}, onGone() {} }

test('never ends before its time, whatever fraction of a millisecond that is', async () => {
  const waits = Array.from({ length: 200 }, async (_, i) => {
    const ms = 5 + i / 200
    const begun = performance.now()
    await wait(ms, { observer: NOBODY })
    return performance.now() - begun - ms
  })
  expect(Math.min(...(await Promise.all(waits)))).toBeGreaterThanOrEqual(0)
})

test('ends with the client', async () => {
  const reply = { observer: NOBODY }
  const done = wait(3_600_000, reply)
  reply.observer.onGone()
  await expect(done).rejects.toMatchObject({ code: 'client_closed' })
})
