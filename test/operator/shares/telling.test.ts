// What is written to a pod beside its shares: at which mark all that share a budget are. When that is worth a write, and what it says.
import { describe, expect, test } from '@jest/globals'
import type { LimitShares, LimitsReport, PassedMark } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'
import type { CountedLimit } from '../../../operator/shares/shared-limit.ts'

const ID = 'route:shop/chat//month'
const COUNT = `${ID} shop`
const START_MS = 1_000_000_000
const MINUTE_MS = 60_000
const AT_80: PassedMark = { percent: 80, untilMs: START_MS + 10 * MINUTE_MS }
const AT_95: PassedMark = { ...AT_80, percent: 95 }

class OnePod {
  readonly #book = new ShareBook()
  #nowMs = START_MS
  /** Its annotation. */
  written: LimitShares | undefined
  store: LimitsReport['store']

  /** With what an earlier operator has written. */
  constructor(found?: LimitShares) {
    const limit: CountedLimit = {
      ...{ id: ID, scope: 'Namespace', limit: 1_000, owner: 'shop' },
      span: { type: 'Window', windowMs: MINUTE_MS },
    }
    const workloads = { matchLabels: {}, matchExpressions: [] }
    const routes = [{ workloads, limits: [limit], providers: [] }]
    this.#book.setDocument('shop', { routes, providers: new Map(), byId: new Map([[ID, limit]]) })
    this.#book.setLedger('shop', new Map([[COUNT, { type: 'Held' }]]), START_MS)
    const place = { uid: 'a', namespace: 'shop', workload: 'Deployment/web', labels: {} }
    this.#book.setPod({ ...place, standing: 'Live', shares: found })
    this.written = found
  }

  /** The sidecar runs what was written, and says so. */
  answer(): void {
    const share = this.written?.shares[ID] ?? 0
    const limits = [{ id: ID, share, used: 0, wanted: 0 }]
    const sharesVersion = this.written?.version ?? null
    this.#book.hear(
      'a',
      { instance: 'me', sharesVersion, limits, ...(this.store && { store: this.store }) },
      this.#nowMs,
    )
  }

  /** All together are there; none: below all marks. */
  pass(mark: PassedMark | undefined): void {
    this.#book.setPassed(new Map(mark && [[COUNT, mark]]), this.#nowMs)
  }

  /** So long, while it is decided again and again what to write; how often that was something. */
  wait(ms: number): number {
    let writes = 0
    for (const end = this.#nowMs + ms; this.#nowMs < end; this.#nowMs += 250) {
      const shares = this.#book.plan(this.#nowMs).writes.get('a')
      if (shares === undefined) continue
      writes++
      this.written = shares
      this.answer()
    }
    return writes
  }

  get passed(): LimitShares['passed'] {
    return this.written?.passed
  }
}

/** Granted all that there is, with nothing to warn of. */
function settled(): OnePod {
  const pod = new OnePod()
  pod.wait(2 * MINUTE_MS)
  pod.answer()
  pod.wait(2 * MINUTE_MS)
  expect(pod.written).toMatchObject({ shares: { [ID]: 1_000 } })
  expect(pod.passed).toBeUndefined()
  return pod
}

describe('a pod is told', () => {
  test('once of a mark that is passed, with the shares that it has', () => {
    const pod = settled()
    pod.pass(AT_80)
    expect(pod.wait(MINUTE_MS)).toBe(1)
    expect(pod.written).toMatchObject({ shares: { [ID]: 1_000 }, passed: { [ID]: AT_80 } })
    pod.pass({ ...AT_80 })
    expect(pod.wait(MINUTE_MS)).toBe(0)
  })

  test('of the next mark, and that none is passed any more', () => {
    const pod = settled()
    pod.pass(AT_80)
    pod.wait(MINUTE_MS)
    pod.pass(AT_95)
    expect([pod.wait(MINUTE_MS), pod.passed]).toEqual([1, { [ID]: AT_95 }])
    pod.pass(undefined)
    expect([pod.wait(MINUTE_MS), pod.passed]).toEqual([1, undefined])
  })

  test('nothing when a mark has ended by itself', () => {
    const pod = settled()
    pod.pass(AT_80)
    pod.wait(10 * MINUTE_MS)
    pod.pass(undefined)
    expect(pod.wait(MINUTE_MS)).toBe(0)
  })

  test.each(['Up', 'Away'] as const)('of no mark where it has a store, which knows by itself: %s', (store) => {
    const pod = new OnePod()
    pod.store = store
    pod.wait(250)
    pod.answer()
    pod.pass(AT_80)
    expect(pod.wait(2 * MINUTE_MS)).toBeGreaterThan(0)
    expect(pod.written).toMatchObject({ shares: { [ID]: 1_000 } })
    expect(pod.passed).toBeUndefined()
  })

  test('of no mark that came before it said that it has a store', () => {
    const pod = settled()
    pod.pass(AT_80)
    pod.store = 'Up'
    pod.answer()
    expect([pod.wait(MINUTE_MS), pod.passed]).toEqual([0, undefined])
  })

  test('of a mark with its first share, and not without one', () => {
    const pod = new OnePod()
    pod.wait(250)
    pod.answer()
    pod.pass(AT_80)
    // What the ledger has as granted may have been used a moment ago.
    expect(pod.wait(MINUTE_MS / 2)).toBe(0)
    expect(pod.wait(MINUTE_MS)).toBeGreaterThan(0)
    expect(pod.passed).toEqual({ [ID]: AT_80 })
  })

  test('what an earlier operator has told it, until this one knows better', () => {
    const found = { instance: 'me', version: 5, shares: { [ID]: 400 }, passed: { [ID]: AT_80 } }
    const pod = new OnePod(found)
    pod.answer()
    expect(pod.wait(2 * MINUTE_MS)).toBeGreaterThan(0)
    expect(pod.written).toMatchObject({ shares: { [ID]: 1_000 }, passed: { [ID]: AT_80 } })
    pod.pass(undefined)
    pod.wait(MINUTE_MS)
    expect(pod.passed).toBeUndefined()
  })
})
