import { expect, test } from '@jest/globals'
import { BATCH_EXPIRY_MS, LeaseLedger } from '../../../sidecar/store/lease-ledger.ts'

/** 100 in bucket 7, alive from 1000 to 2000. */
function leased(): LeaseLedger {
  const ledger = new LeaseLedger()
  ledger.receive({ bucket: 7, amount: 100, askedMs: 1000, endsMs: 2000 })
  return ledger
}

test.each([
  [999, 0],
  [1000, 100],
  [1999, 100],
  [2000, 0],
])('at %i of a life from 1000 to 2000, %i can be spent', (nowMs, left) => {
  expect(leased().left(nowMs)).toBe(left)
})

test('what is left goes back to its bucket when the next lease comes', () => {
  const ledger = leased()
  ledger.spend(60)
  ledger.receive({ bucket: 9, amount: 50, askedMs: 1500, endsMs: 2500 })
  expect(ledger.nextBatch(1500)).toMatchObject({ changes: [7, -40] })
  expect([ledger.bucket, ledger.left(1500)]).toEqual([9, 50])
})

const SETTLEMENTS: [
  what: string,
  bucket: number,
  difference: number,
  nowMs: number,
  left: number,
  changes: number[],
][] = [
  ['less, of the living lease', 7, -30, 1500, 70, []],
  ['less, of a lease that has ended', 7, -30, 2500, 0, [7, -30]],
  ['less, of an earlier bucket', 5, -30, 1500, 40, [5, -30]],
  ['more, of the living lease', 7, 30, 1500, 10, []],
  ['more than the living lease has', 7, 50, 1500, 0, [7, 10]],
  ['more, of an earlier bucket', 5, 50, 1500, 40, [5, 50]],
  ['as much', 7, 0, 1500, 40, []],
]

test.each(SETTLEMENTS)('settled with %s', (_what, bucket, difference, nowMs, left, changes) => {
  const ledger = leased()
  ledger.spend(60)
  ledger.settle(bucket, difference, nowMs)
  expect(ledger.left(nowMs)).toBe(left)
  expect(ledger.nextBatch(nowMs).changes).toEqual(changes)
})

test('a batch is the same until it is confirmed, and what comes meanwhile is in the next', () => {
  const ledger = new LeaseLedger()
  ledger.change(1, 5)
  ledger.change(1, -2)
  ledger.change(2, 4)
  ledger.change(2, -4)
  const sent = ledger.nextBatch(0)
  expect(sent).toMatchObject({ number: 1, changes: [1, 3] })
  ledger.change(3, 9)
  expect(ledger.nextBatch(10)).toMatchObject({ number: 1, changes: [1, 3] })
  ledger.confirm(sent)
  expect(ledger.nextBatch(20)).toMatchObject({ number: 2, changes: [3, 9] })
  expect(ledger.isClear()).toBe(false)
  ledger.confirm(ledger.nextBatch(30))
  expect([ledger.isClear(), ledger.nextBatch(40).number]).toEqual([true, 0])
})

test('a batch in doubt gives nothing back once the store may have forgotten its number', () => {
  const ledger = new LeaseLedger()
  ledger.change(1, -5)
  ledger.change(2, 7)
  ledger.nextBatch(0)
  expect(ledger.nextBatch(BATCH_EXPIRY_MS).changes).toEqual([2, 7])
})

test('while the store is away, what is kept is bounded, and only what is to be given back is forgotten', () => {
  const ledger = new LeaseLedger()
  for (let bucket = 0; bucket < 10_000; bucket++) ledger.change(bucket, bucket % 2 === 0 ? 3 : -1)
  const { changes } = ledger.nextBatch(0)
  expect(changes.length).toBeLessThanOrEqual(512)
  const total = changes.filter((_, i) => i % 2 === 1).reduce((sum, difference) => sum + difference, 0)
  expect(total).toBeGreaterThanOrEqual(10_000)
})
