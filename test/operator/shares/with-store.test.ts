// What the operator divides where a store counts: parts for the time without it, which everybody has before that comes.
import { expect, test } from '@jest/globals'
import type { LimitShares } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'

const ID = 'route:shop/chat//month'
const LIMIT = 300
const STEP_MS = 2_500

interface Pod {
  /** Of its process. */
  instance: string
  standing: 'Live' | 'Leaving'
  granted: LimitShares | undefined
}

class Cluster {
  readonly #book = new ShareBook()
  readonly #pods = new Map<string, Pod>()
  #nowMs = Date.UTC(2026, 10, 2)
  #names = 0

  constructor() {
    const span = { type: 'Calendar', unit: 'Month', timeZone: 'UTC' } as const
    const limit = { id: ID, scope: 'Workload', limit: LIMIT, span, owner: 'shop' } as const
    const routes = [{ workloads: { matchLabels: {}, matchExpressions: [] }, limits: [limit], providers: [] }]
    this.#book.setDocument('shop', { routes, providers: new Map(), byId: new Map([[ID, limit]]) })
    this.#book.setLedger('shop', new Map(), this.#nowMs)
  }

  scale(count: number): void {
    while (this.#pods.size < count) this.#create()
    for (const uid of [...this.#pods.keys()].slice(count)) this.#remove(uid)
  }

  /** Each pod is replaced, one after the other. */
  roll(store: 'Up' | 'Away', used: number): void {
    for (const [uid, pod] of [...this.#pods]) {
      this.#create()
      this.run(store, used)
      this.#set(uid, { ...(this.#pods.get(uid) ?? pod), standing: 'Leaving' })
      this.run(store, used)
      this.#remove(uid)
      this.run(store, used)
    }
  }

  /** All sidecars begin anew, in the pods that they are in. */
  restart(): void {
    for (const [uid, pod] of this.#pods) this.#set(uid, { ...pod, instance: `${uid}/${++this.#names}` })
  }

  /** What those that are gone may have used. */
  departed(): number {
    return [...this.#book.departed(this.#nowMs).values()].reduce((sum, amount) => sum + amount, 0)
  }

  run(store: 'Up' | 'Away', used: number): void {
    for (let step = 0; step < 12; step++) {
      this.#nowMs += STEP_MS
      for (const [uid, { instance, granted }] of this.#pods) {
        const own = granted?.instance === instance ? granted : undefined
        const limits = [{ id: ID, share: own?.shares[ID] ?? 0, used, wanted: 2 * LIMIT }]
        this.#book.hear(uid, { instance, sharesVersion: granted?.version ?? null, limits, store }, this.#nowMs)
      }
      const { writes, unwritten } = this.#book.plan(this.#nowMs)
      for (const [uid, granted] of writes) {
        const pod = this.#pods.get(uid)
        if (pod !== undefined) this.#set(uid, { ...pod, granted })
      }
      if (unwritten.has('shop')) this.#writeLedger()
    }
  }

  shares(): number[] {
    return [...this.#pods.values()].map(({ granted }) => granted?.shares[ID] ?? 0)
  }

  #create(): void {
    const uid = `pod-${++this.#names}`
    this.#set(uid, { instance: uid, standing: 'Live', granted: undefined })
  }

  #set(uid: string, pod: Pod): void {
    this.#pods.set(uid, pod)
    const place = { uid, namespace: 'shop', workload: 'Deployment/shop', labels: {} }
    this.#book.setPod({ ...place, standing: pod.standing, shares: pod.granted })
  }

  #remove(uid: string): void {
    this.#pods.delete(uid)
    this.#book.removePod(uid, this.#nowMs)
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

test('pods that are replaced while a store counts leave nothing behind, for the store has it', () => {
  const cluster = new Cluster()
  cluster.scale(3)
  cluster.run('Up', 100)
  for (let rollout = 0; rollout < 3; rollout++) cluster.roll('Up', 100)
  expect([cluster.departed(), cluster.shares()]).toEqual([0, [100, 100, 100]])
})

test('sidecars that begin anew while a store counts have the shares that they had', () => {
  const cluster = new Cluster()
  cluster.scale(3)
  cluster.run('Up', 100)
  for (let restarts = 0; restarts < 3; restarts++) {
    cluster.restart()
    cluster.run('Up', 100)
  }
  expect([cluster.departed(), cluster.shares()]).toEqual([0, [100, 100, 100]])
})

test('pods that go while the store is away leave their shares behind, and not each what all have used', () => {
  const cluster = new Cluster()
  cluster.scale(3)
  cluster.run('Up', 200)
  cluster.run('Away', 200)
  cluster.scale(1)
  expect(cluster.departed()).toBe(200)
  cluster.run('Up', 200)
  expect(cluster.shares()).toEqual([100])
})

test('sidecars that begin anew while the store is away leave their shares behind, and not each what all have used', () => {
  const cluster = new Cluster()
  cluster.scale(4)
  cluster.run('Up', 200)
  cluster.scale(3)
  cluster.run('Away', 200)
  cluster.restart()
  // What they tell now is little: they have asked no store yet.
  cluster.run('Away', 0)
  cluster.run('Up', 0)
  expect(cluster.departed()).toBe(225)
  expect(cluster.shares()).toEqual([25, 25, 25])
})
