import { expect, test } from '@jest/globals'
import { createHeldBack } from '../../../operator/kube/hold-back.ts'
import type { StatusUpdate } from '../../../operator/status/statuses.ts'
import { llmRoute } from '../../support/resources.ts'

const SIDECARS = { total: 1, current: 0, unreachable: 0, missing: 0, imageOutdated: 0, currentOfTotal: '' }

function update(name: string, outdated: number): StatusUpdate {
  return { object: llmRoute(`shop/${name}`, [], { uid: name }), status: { sidecars: { ...SIDECARS, outdated } } }
}

function start(graceMs = 500) {
  let nowMs = 1_000
  const heldBack = createHeldBack(
    () => graceMs,
    () => nowMs,
  )
  return (ms: number, ...updates: StatusUpdate[]) => {
    nowMs += ms
    const { now, laterMs } = heldBack.due('shop', updates)
    return [now.map(({ object }) => object.metadata.name), laterMs]
  }
}

test('holds back only what says that sidecars are about to follow', () => {
  const after = start()
  expect(after(0, update('lags', 1), update('done', 0))).toEqual([['done'], 500])
})

test('writes it when it still holds after a while, however often it was looked at', () => {
  const after = start()
  expect(after(0, update('a', 1))).toEqual([[], 500])
  expect(after(300, update('a', 2))).toEqual([[], 200])
  expect(after(200, update('a', 1))).toEqual([['a'], undefined])
  expect(after(0, update('a', 2))).toEqual([[], 500])
})

test('forgets it when it has come true meanwhile', () => {
  const after = start()
  after(0, update('a', 1))
  expect(after(100)).toEqual([[], undefined])
  expect(after(450, update('a', 1))).toEqual([[], 500])
})

test('is never looked at again at once', () => {
  const after = start(500.1)
  after(0, update('a', 1))
  expect(after(500.0999999, update('a', 1))).toEqual([[], 1])
})
