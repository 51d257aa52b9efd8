// What the operator divides where a store counts: parts for the time without it, which everybody has before that comes.
import { expect, test } from '@jest/globals'
import type { LimitShares } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'

const ID = 'route:shop/chat//rpm'
const LIMIT = 300
const STEP_MS = 2_500

class Cluster {
  readonly #book = new ShareBook()
  readonly #pods = new Map<string, LimitShares | undefined>()
  #nowMs = 36_000_000

  constructor() {
    const limit = {
      id: ID,
      scope: 'Workload',
      limit: LIMIT,
      span: { type: 'Window', windowMs: 60_000 },
      owner: 'shop',
    } as const
    const routes = [{ workloads: { matchLabels: {}, matchExpressions: [] }, limits: [limit], providers: [] }]
    this.#book.setDocument('shop', { routes, providers: new Map(), byId: new Map([[ID, limit]]) })
    this.#book.setLedger('shop', new Map(), this.#nowMs)
  }

  scale(count: number): void {
    while (this.#pods.size < count) this.#set(`pod-${this.#pods.size}`, undefined)
  }

  /** Each sidecar is asked some times, and what is written is in force when it is asked next. All of the limit is used, always. */
  run(store: 'Up' | 'Away', used: number): void {
    for (let step = 0; step < 12; step++) {
      this.#nowMs += STEP_MS
      for (const [uid, granted] of this.#pods) {
        const limits = [{ id: ID, share: granted?.shares[ID] ?? 0, used, wanted: 2 * LIMIT }]
        this.#book.hear(uid, { instance: uid, sharesVersion: granted?.version ?? null, limits, store }, this.#nowMs)
      }
      const { writes, unwritten } = this.#book.plan(this.#nowMs)
      for (const [uid, shares] of writes) this.#set(uid, shares)
      if (unwritten.has('shop')) this.#writeLedger()
    }
  }

  shares(): number[] {
    return [...this.#pods.values()].map((granted) => granted?.shares[ID] ?? 0)
  }

  #set(uid: string, shares: LimitShares | undefined): void {
    this.#pods.set(uid, shares)
    const place = { uid, namespace: 'shop', workload: 'Deployment/shop', labels: {} }
    this.#book.setPod({ ...place, standing: 'Live', shares })
  }

  #writeLedger(): void {
    const ledger = this.#book.ledgerOf('shop', this.#nowMs)
    this.#book.beforeLedger('shop', ledger)
    this.#book.setLedger('shop', ledger, this.#nowMs)
  }
}

test('every pod has an even part while a store counts, although each tells that all is used', () => {
  const cluster = new Cluster()
  cluster.scale(1)
  cluster.run('Up', LIMIT)
  expect(cluster.shares()).toEqual([300])
  cluster.scale(3)
  cluster.run('Up', LIMIT)
  expect(cluster.shares()).toEqual([100, 100, 100])
})

test('a pod that comes while the store is away has nothing as long as the others may have used all', () => {
  const cluster = new Cluster()
  cluster.scale(3)
  cluster.run('Up', LIMIT)
  cluster.scale(4)
  cluster.run('Away', LIMIT)
  expect(cluster.shares()[3]).toBe(0)
  cluster.run('Away', 0)
  expect(cluster.shares()).toEqual([75, 75, 75, 75])
})
