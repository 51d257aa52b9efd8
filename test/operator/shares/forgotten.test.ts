// A limit that was gone for more than an hour is dropped with its ledger. When it is declared again, that is over: of a count that is met
// first then, what nobody holds may have been used, as of any other.
import { expect, test } from '@jest/globals'
import type { LimitShares } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'
import { UNDECLARED_MS } from '../../../operator/shares/known-limits.ts'
import type { SharedLimit } from '../../../operator/shares/shared-limit.ts'

const ID = 'provider:ai/openai/rpm'
const LIMIT: SharedLimit = {
  ...{ id: ID, scope: 'Namespace', limit: 100, owner: 'ai' },
  span: { type: 'Calendar', unit: 'Month', timeZone: 'UTC' },
}
const GRANTED: LimitShares = { instance: 'me', version: 1, shares: { [ID]: 30 } }
const MINUTE_MS = 60_000

class Cluster {
  readonly #book = new ShareBook()
  #nowMs = Date.UTC(2026, 10, 2)

  declare(namespace: string, limits: readonly SharedLimit[]): void {
    const byId = new Map(limits.map((limit) => [limit.id, limit]))
    this.#book.setDocument(namespace, { routes: [], providers: new Map([['ai/openai', limits]]), byId })
  }

  /** With a share, in a namespace whose ledger is empty. */
  meet(namespace: string): void {
    this.#book.setLedger(namespace, new Map(), this.#nowMs)
    const place = { uid: namespace, namespace, workload: 'Deployment/web', labels: {} }
    this.#book.setPod({ ...place, standing: 'Live', shares: GRANTED })
  }

  answer(namespace: string): void {
    this.#book.hear(namespace, { instance: 'me', sharesVersion: 1, limits: [] }, this.#nowMs)
  }

  /** Decides what to write, which is taken as written. */
  pass(ms: number): void {
    this.#nowMs += ms
    this.#book.plan(this.#nowMs)
  }

  departed(namespace: string): number | undefined {
    return this.#book.departed(this.#nowMs).get(`${ID} ${namespace}`)
  }
}

/** One namespace had the limit, and no document has had it for more than an hour. */
function forgotten(answers: 'Yes' | 'No'): Cluster {
  const cluster = new Cluster()
  cluster.declare('shop', [LIMIT])
  cluster.meet('shop')
  cluster.pass(MINUTE_MS)
  cluster.declare('shop', [])
  cluster.pass(MINUTE_MS)
  if (answers === 'Yes') cluster.answer('shop')
  cluster.pass(UNDECLARED_MS + MINUTE_MS)
  return cluster
}

test('a limit that is declared again is forgotten no more, although a pod has a share of before', () => {
  const cluster = forgotten('No')
  cluster.declare('shop', [LIMIT])
  cluster.pass(MINUTE_MS)
  cluster.declare('bank', [LIMIT])
  cluster.meet('bank')
  cluster.pass(MINUTE_MS)
  expect(cluster.departed('bank')).toBe(70)
})

test('a limit of which no pod has a share any more is forgotten for good', () => {
  const cluster = forgotten('Yes')
  cluster.declare('shop', [])
  cluster.pass(MINUTE_MS)
  cluster.declare('bank', [LIMIT])
  cluster.meet('bank')
  cluster.pass(MINUTE_MS)
  expect(cluster.departed('bank')).toBe(70)
})
