// A limit is taken out of its document, or made larger or smaller, and comes back under its name: what pods may have used of it counts,
// which is never more than what they held of it, and all else can be granted within seconds.
import { describe, expect, test } from '@jest/globals'
import type { LimitReport, LimitShares } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'
import { type Ledger, parseLedger, renderLedger } from '../../../operator/shares/ledger.ts'
import type { SharedLimit } from '../../../operator/shares/shared-limit.ts'

const ID = 'route:shop/chat//rpm'
const OTHER = 'route:shop/chat//other'
const STEP_MS = 2_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

interface Pod {
  readonly annotation: LimitShares | undefined
  readonly used: number
  readonly wanted: number
  readonly answers: 'Yes' | 'No'
}

/** What each sidecar says of a limit comes from the annotation, which is in force when it is asked next. */
class Shop {
  ledger: 'Written' | 'Unreachable' = 'Written'
  #book = new ShareBook()
  #ledger = '{}'
  #nowMs = 1_000_000_000
  #limits: readonly SharedLimit[] = []
  /** What the sidecars have adopted, which takes them one step. */
  #running: readonly SharedLimit[] = []
  readonly #pods = new Map<string, Pod>()

  /** With two pods that have even shares of it, of which they have used a little. */
  constructor(limit: number) {
    this.set('a', { annotation: undefined, used: 10, wanted: 10, answers: 'Yes' })
    this.set('b', { annotation: undefined, used: 10, wanted: 10, answers: 'Yes' })
    this.limit(limit)
    this.run(MINUTE_MS)
    expect(this.shares()).toEqual([limit / 2, limit / 2])
  }

  /** Undefined: the document has none. Beside it there is another one. */
  limit(limit: number | undefined): void {
    const one = (id: string, most: number): SharedLimit => ({
      ...{ id, scope: 'Namespace', limit: most, owner: 'shop' },
      span: { type: 'Window', windowMs: 6 * HOUR_MS },
    })
    this.#limits = [one(OTHER, 1_000), ...(limit === undefined ? [] : [one(ID, limit)])]
    this.#declare()
  }

  set(uid: string, change: Partial<Pod>): void {
    const pod = {
      annotation: undefined,
      used: 0,
      wanted: 0,
      answers: 'Yes',
      ...this.#pods.get(uid),
      ...change,
    } as const
    this.#pods.set(uid, pod)
    const place = { uid, namespace: 'shop', workload: 'Deployment/web', labels: {} }
    this.#book.setPod({ ...place, standing: 'Live', shares: pod.annotation })
  }

  remove(uid: string): void {
    this.#pods.delete(uid)
    this.#book.removePod(uid, this.#nowMs)
  }

  /** Another operator goes on with what is in the cluster. */
  restart(): void {
    this.#book = new ShareBook()
    this.#declare()
    for (const uid of this.#pods.keys()) this.set(uid, {})
  }

  run(ms: number): void {
    for (const end = this.#nowMs + ms; this.#nowMs < end; ) this.#step()
  }

  shares(): number[] {
    return [...this.#pods.values()].map(({ annotation }) => annotation?.shares[ID] ?? 0)
  }

  /** Ids of the limits that metrics tell of. */
  told(): string[] {
    return [...this.#book.totals(this.#nowMs).keys()]
  }

  granted(): number {
    return this.shares().reduce((sum, share) => sum + share, 0)
  }

  #declare(): void {
    const limits = this.#limits
    const workloads = { matchLabels: {}, matchExpressions: [] }
    const routes = [{ workloads, limits, providers: [] }]
    const byId = new Map(limits.map((limit) => [limit.id, limit]))
    this.#book.setDocument('shop', { routes, providers: new Map(), byId })
  }

  #step(): void {
    this.#nowMs += STEP_MS
    for (const [uid, pod] of this.#pods) this.#ask(uid, pod)
    this.#running = this.#limits
    const { writes, unread, unwritten } = this.#book.plan(this.#nowMs)
    if (unread.has('shop')) this.#book.setLedger('shop', read(this.#ledger), this.#nowMs)
    // Whether a grant waits for it or not, as every half minute in a cluster.
    if (unwritten.has('shop') || this.#nowMs % (30 * 1_000) === 0) this.#writeLedger()
    for (const [uid, annotation] of writes) this.set(uid, { annotation })
  }

  #ask(uid: string, { annotation, used, wanted, answers }: Pod): void {
    if (answers === 'No') return this.#book.miss(uid)
    const limits = this.#running.map(({ id }): LimitReport => {
      return { id, share: annotation?.shares[id] ?? 0, ...(id === ID ? { used, wanted } : { used: 0, wanted: 0 }) }
    })
    this.#book.hear(uid, { instance: uid, sharesVersion: annotation?.version ?? null, limits }, this.#nowMs)
  }

  #writeLedger(): void {
    if (!this.#book.ledgerNamespaces().includes('shop')) return
    const ledger = this.#book.ledgerOf('shop', this.#nowMs)
    this.#book.beforeLedger('shop', ledger)
    if (this.ledger === 'Unreachable') return
    this.#ledger = renderLedger(ledger)
    this.#book.setLedger('shop', ledger, this.#nowMs)
  }
}

function read(text: string): Ledger {
  const parsed = parseLedger(text)
  if ('problems' in parsed) throw new Error(parsed.problems.join('; '))
  return parsed.ledger
}

/** What happens to a limit of 600, of which two pods hold 300 each, and how much of it is granted a minute later, all together. */
const CASES: readonly (readonly [name: string, happen: (shop: Shop) => void, granted: number])[] = [
  ['it is made larger', (shop) => shop.limit(100_000), 100_000],
  [
    'it is made smaller, then larger',
    (shop) => {
      shop.limit(100)
      shop.run(MINUTE_MS)
      expect(shop.granted()).toBe(100)
      shop.limit(100_000)
    },
    100_000,
  ],
  ['it comes back as it was', (shop) => away(shop, 3 * MINUTE_MS, 600), 600],
  ['it comes back larger', (shop) => away(shop, 3 * MINUTE_MS, 100_000), 100_000],
  ['it comes back smaller', (shop) => away(shop, 3 * MINUTE_MS, 100), 100],
  ['it comes back larger after hours', (shop) => away(shop, 3 * HOUR_MS, 100_000), 100_000],
  [
    'it comes back larger, and one of the pods is gone: its share counts',
    (shop) => away(shop, 3 * MINUTE_MS, 100_000, () => shop.remove('b')),
    99_700,
  ],
  [
    'it comes back larger, and one of the pods has answered only before',
    (shop) => {
      away(shop, 3 * HOUR_MS, 100_000, () => shop.set('b', { answers: 'No' }))
      shop.run(MINUTE_MS)
      expect(shop.shares()).toEqual([99_700, 300])
      shop.set('b', { answers: 'Yes' })
    },
    100_000,
  ],
  [
    'it comes back larger, and another operator has begun meanwhile',
    (shop) => away(shop, 3 * MINUTE_MS, 100_000, () => shop.restart()),
    100_000,
  ],
  [
    'it comes back larger after hours, and another operator has begun meanwhile',
    (shop) => away(shop, 3 * HOUR_MS, 100_000, () => shop.restart()),
    100_000,
  ],
  [
    'it is made larger while there is no operator, and a pod goes: its share counts',
    (shop) => {
      shop.remove('b')
      shop.limit(100_000)
      shop.restart()
    },
    99_700,
  ],
  [
    'a pod goes, it is made smaller, and as it was while there is no operator: what both may have used counts',
    (shop) => {
      shop.remove('b')
      shop.limit(100)
      shop.run(MINUTE_MS)
      expect(shop.shares()).toEqual([0])
      shop.limit(600)
      shop.restart()
    },
    // Without the share of the one, and what the other has used.
    290,
  ],
  [
    'another operator begins, it is made smaller and a pod goes before that one knows of it, then it is as it was: its share counts',
    (shop) => {
      shop.restart()
      shop.limit(100)
      shop.remove('b')
      shop.run(MINUTE_MS)
      shop.limit(600)
    },
    300,
  ],
]

function away(shop: Shop, ms: number, limit: number, meanwhile?: () => void): void {
  shop.limit(undefined)
  shop.run(STEP_MS)
  meanwhile?.()
  shop.run(ms)
  shop.limit(limit)
}

describe('of a limit of 600 everything is granted but what may be used, when', () => {
  test.each(CASES)('%s', (_name, happen, granted) => {
    const shop = new Shop(600)
    happen(shop)
    shop.run(MINUTE_MS)
    expect(shop.granted()).toBe(granted)
  })
})

test('what a pod has used beyond its share counts while the limit is away, and before the pod says so again', () => {
  const shop = new Shop(600)
  shop.set('a', { used: 590, wanted: 600 })
  shop.set('b', { used: 0, wanted: 0 })
  shop.run(MINUTE_MS)
  shop.set('b', { wanted: 600 })
  shop.run(MINUTE_MS)
  const [ofA = 0] = shop.shares()
  expect(ofA).toBeLessThan(400)
  away(shop, 3 * MINUTE_MS, 600)
  shop.run(2 * STEP_MS)
  expect(shop.shares()[1]).toBeLessThanOrEqual(10)
})

test('how much there is of a larger limit is remembered before it is granted', () => {
  const shop = new Shop(600)
  shop.limit(100_000)
  shop.run(10_000)
  expect(shop.shares()).toEqual([50_000, 50_000])
  shop.remove('b')
  shop.restart()
  shop.run(MINUTE_MS)
  expect(shop.shares()).toEqual([50_000])
})

test('a limit that was raised is divided as it was until that can be remembered', () => {
  const shop = new Shop(600)
  shop.ledger = 'Unreachable'
  shop.limit(100_000)
  shop.set('a', { used: 290, wanted: 500 })
  shop.run(2 * MINUTE_MS)
  const [ofA = 0] = shop.shares()
  expect({ more: ofA >= 500, granted: shop.granted() }).toEqual({ more: true, granted: 600 })
  shop.ledger = 'Written'
  shop.run(MINUTE_MS)
  expect(shop.granted()).toBe(100_000)
})

test('shares of a limit stay on pods for an hour after it is gone, are told of no more, and then are taken off', () => {
  const shop = new Shop(600)
  shop.limit(undefined)
  shop.run(HOUR_MS - MINUTE_MS)
  expect(shop.shares()).toEqual([300, 300])
  expect(shop.told()).toEqual([OTHER])
  shop.run(2 * MINUTE_MS)
  expect(shop.shares()).toEqual([0, 0])
})
