import { afterEach, expect, test } from '@jest/globals'
import { createQueue, type Queue, type QueueOptions } from '../../operator/queue.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

let queues: Queue[] = []
afterEach(async () => {
  for (const queue of queues) await queue.close()
  queues = []
})

/** Work that ends when the test says so; `began` tells which keys were begun, in order, with the time. */
function queueUnderTest(options: Partial<QueueOptions> = {}) {
  const clock = createVirtualClock()
  const began: string[] = []
  const failures: string[] = []
  const running = new Map<string, PromiseWithResolvers<void>>()
  const queue = createQueue({
    workers: 2,
    work(key) {
      began.push(`${key} at ${clock.now()}`)
      const ending = Promise.withResolvers<void>()
      running.set(key, ending)
      return ending.promise
    },
    onFailure: (key, error, retryInMs) =>
      failures.push(`${key}: ${(error as Error).message}, again in ${retryInMs} ms`),
    now: clock.now,
    startTimer: clock.startTimer,
    ...options,
  })
  queues.push(queue)
  const end = async (key: string, error?: Error): Promise<void> => {
    if (error === undefined) running.get(key)?.resolve()
    else running.get(key)?.reject(error)
    await clock.advance(0)
  }
  return { queue, clock, began, failures, end }
}

const FAULT = new Error('no')

test('keys are worked on in the order in which they came, so many at once as there are workers', async () => {
  const { queue, began, end } = queueUnderTest()
  for (const key of ['a', 'b', 'c', 'd', 'c']) queue.add(key)
  expect(began).toEqual(['a at 0', 'b at 0'])
  expect(queue.size).toBe(2)
  await end('b')
  expect(began).toEqual(['a at 0', 'b at 0', 'c at 0'])
  await end('a')
  expect(began).toEqual(['a at 0', 'b at 0', 'c at 0', 'd at 0'])
  expect(queue.size).toBe(0)
  await end('c')
  await end('d')
  expect(began).toHaveLength(4)
})

test('a key that is added while it is worked on is worked on once more, and never twice at once', async () => {
  const { queue, began, end } = queueUnderTest()
  queue.add('a')
  queue.add('a')
  queue.add('a')
  expect(began).toEqual(['a at 0'])
  expect(queue.size).toBe(1)
  await end('a')
  expect(began).toEqual(['a at 0', 'a at 0'])
  await end('a')
  expect(began).toHaveLength(2)
})

test('work that fails is repeated after twice as long each time, 5 ms first and 1000 s at most', async () => {
  const { queue, clock, failures, end } = queueUnderTest()
  queue.add('a')
  for (let failed = 0; failed < 20; failed++) {
    await end('a', FAULT)
    await clock.advance(1_000_000)
  }
  const waits = failures.map((line) => Number(/in (\d+) ms/.exec(line)?.[1]))
  expect(waits.slice(0, 5)).toEqual([5, 10, 20, 40, 80])
  expect(waits.slice(17)).toEqual([655_360, 1_000_000, 1_000_000])
  await end('a')
})

test('a retry comes when it is due, not earlier', async () => {
  const { queue, clock, began, end } = queueUnderTest()
  queue.add('a')
  await end('a', FAULT)
  await clock.advance(4)
  expect(began).toEqual(['a at 0'])
  await clock.advance(1)
  expect(began).toEqual(['a at 0', 'a at 5'])
  await end('a')
})

test('each key has its own count of failures, and success forgets it', async () => {
  const { queue, clock, failures, end } = queueUnderTest()
  queue.add('a')
  await end('a', FAULT)
  await clock.advance(5)
  await end('a', FAULT)
  queue.add('b')
  await end('b', FAULT)
  await clock.advance(10)
  await end('a')
  await end('b')
  queue.add('a')
  await end('a', FAULT)
  expect(failures).toEqual([
    'a: no, again in 5 ms',
    'a: no, again in 10 ms',
    'b: no, again in 5 ms',
    'a: no, again in 5 ms',
  ])
  await clock.advance(5)
  await end('a')
})

test('a failing key that is added runs at once, instead of its retry', async () => {
  const { queue, clock, began, failures, end } = queueUnderTest()
  queue.add('a')
  await end('a', FAULT)
  queue.add('a')
  expect(began).toHaveLength(2)
  // The retry would be due now.
  await clock.advance(5)
  expect(queue.size).toBe(0)
  queue.add('a')
  await end('a', FAULT)
  expect(failures).toEqual(['a: no, again in 5 ms', 'a: no, again in 0 ms'])
  expect(began).toHaveLength(3)
  await end('a')
  await clock.advance(10_000)
  expect(began).toHaveLength(3)
})

test('work that throws before it promises anything fails like any other', async () => {
  const { queue, clock, failures } = queueUnderTest({
    work: () => {
      throw FAULT
    },
  })
  queue.add('a')
  await clock.advance(0)
  expect(failures).toEqual(['a: no, again in 5 ms'])
})

test('a delayed key comes later; of several, the earliest stands', async () => {
  const { queue, clock, began, end } = queueUnderTest()
  queue.addAfter('a', 100)
  queue.addAfter('a', 50)
  queue.addAfter('a', 200)
  await clock.advance(49)
  expect(began).toEqual([])
  await clock.advance(1)
  expect(began).toEqual(['a at 50'])
  await end('a')
  await clock.advance(1000)
  expect(began).toHaveLength(1)
  queue.addAfter('b', 0)
  expect(began).toEqual(['a at 50', 'b at 1050'])
  await end('b')
})

test('a delay stands when the key is worked on before, and beside a retry', async () => {
  const { queue, clock, began, end } = queueUnderTest()
  queue.addAfter('a', 100)
  queue.add('a')
  await end('a', FAULT)
  await clock.advance(5)
  await end('a')
  await clock.advance(95)
  expect(began).toEqual(['a at 0', 'a at 5', 'a at 100'])
  await end('a')
})

test('a delay that falls due while the key is worked on runs it again', async () => {
  const { queue, clock, began, end } = queueUnderTest()
  queue.add('a')
  queue.addAfter('a', 10)
  await clock.advance(10)
  expect(began).toEqual(['a at 0'])
  await end('a')
  expect(began).toEqual(['a at 0', 'a at 10'])
  await end('a')
})

test('a delay of months does not fire at once', async () => {
  const { queue, clock, began } = queueUnderTest()
  queue.addAfter('a', 1e12)
  await clock.advance(1e6)
  expect(began).toEqual([])
})

test('close waits for what runs, and drops what waits', async () => {
  const { queue, clock, began, failures, end } = queueUnderTest()
  for (const key of ['a', 'b', 'c', 'a']) queue.add(key)
  queue.addAfter('d', 10)
  let closed = 0
  const closing = [queue.close(), queue.close()].map((done) => done.then(() => closed++))
  queue.add('e')
  queue.addAfter('f', 1)
  await end('a', FAULT)
  expect(closed).toBe(0)
  await end('b')
  await Promise.all(closing)
  expect(began).toEqual(['a at 0', 'b at 0'])
  expect(failures).toHaveLength(1)
  expect(clock.pending).toBe(0)
  expect(queue.size).toBe(0)
  await queue.close()
})
