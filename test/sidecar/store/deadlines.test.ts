import { expect, test } from '@jest/globals'
import { Deadlines } from '../../../sidecar/store/deadlines.ts'
import { now, sleep } from './sources.ts'

class Noted {
  readonly beganMs = now()
  waitedMs: number | undefined

  expire(): void {
    this.waitedMs = now() - this.beganMs
  }
}

async function waited(all: readonly Noted[]): Promise<number[]> {
  while (all.some(({ waitedMs }) => waitedMs === undefined)) await sleep(1)
  return all.map(({ waitedMs }) => waitedMs ?? 0)
}

test('everything expires, not before its time, in order', async () => {
  const deadlines = new Deadlines(30, now)
  const all: Noted[] = []
  for (let i = 0; i < 20; i++) {
    const one = new Noted()
    all.push(one)
    deadlines.add(one)
    await sleep(3)
  }
  for (const ms of await waited(all)) expect(ms).toBeGreaterThanOrEqual(29)
})

test('when the process was held up, what is due gets more time, ten times its own at most', async () => {
  const deadlines = new Deadlines(20, now)
  const one = new Noted()
  deadlines.add(one)
  let holdUps = 0
  while (one.waitedMs === undefined) {
    const untilMs = now() + 60
    while (now() < untilMs);
    holdUps++
    await sleep(0)
  }
  expect(one.waitedMs).toBeGreaterThanOrEqual(200)
  expect(holdUps).toBeLessThan(20)
})

test('closing lets nobody wait', () => {
  const deadlines = new Deadlines(60_000, now)
  const one = new Noted()
  deadlines.add(one)
  deadlines.close()
  expect(one.waitedMs).toBeDefined()
})
