// Sidecars' sources of counts in one process, against one store, and what they admit. The clock is one, so that what all of them admitted
// can be put in order.
import type { LimitConfig } from '../../../contract/limit-config.ts'
import type { Counter, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import { type CountedRow, createBudgetRow, createLimitRow } from '../../../sidecar/limits/limit-row.ts'
import { parseStoreAddress } from '../../../sidecar/store/store-address.ts'
import { createStoreSource, type StoreOptions, type StoreSource } from '../../../sidecar/store/store-source.ts'

const OWNER = { type: 'Rule', id: 'rule' } as const
const COMMON: Pick<LimitConfig, 'scope' | 'per' | 'keysMax' | 'mode'> = {
  scope: 'Namespace',
  per: [],
  keysMax: 100,
  mode: 'Enforce',
}

export const now = (): number => performance.now()
export const wallClock = (nowMs: number): number => performance.timeOrigin + nowMs

/** Pods `pod-0`, `pod-1`, … of one workload. */
export async function openSources(
  url: string,
  count: number,
  options: Partial<StoreOptions> = {},
): Promise<StoreSource[]> {
  const sources: StoreSource[] = []
  for (let i = 0; i < count; i++) {
    const identity = { pod: `pod-${i}`, workload: 'shop', namespace: 'ai' }
    const common = { timeoutMs: 20, onFailure: 'Deny', identity } as const
    const source = createStoreSource({ ...common, now, wallClock, random: Math.random, ...options })
    await source.connect(parseStoreAddress(url))
    sources.push(source)
  }
  return sources
}

export async function closeAll(sources: readonly StoreSource[]): Promise<void> {
  await Promise.all(sources.map((source) => source.close()))
}

export function limitRow(config: Partial<LimitConfig> & Pick<LimitConfig, 'what' | 'limit'>): CountedRow {
  return createLimitRow({ ...COMMON, id: 'route:ai/chat//limit', name: 'limit', ...config }, OWNER)
}

export function budgetRow(amountPicoUsd: number, onExhausted: 'Reject' | 'Fallback' = 'Reject'): CountedRow {
  const period = { type: 'Calendar', unit: 'Month', timeZone: 'Europe/Berlin' } as const
  return createBudgetRow(
    { ...COMMON, id: 'route:ai/chat//budget', name: 'budget', amountPicoUsd, period, warnAtPercent: [], onExhausted },
    OWNER,
  )
}

export function countersOf(sources: readonly StoreSource[], row: CountedRow): Counter[] {
  return sources.map((source) => source.create(row, '', row.limit, now()))
}

/** As `Limits` does it. */
export async function ask(counter: Counter, amount: number): Promise<Ticket | Shortage> {
  const nowMs = now()
  const shortage = counter.shortage(amount, nowMs)
  if (shortage === undefined) return counter.take(amount, nowMs)
  if (shortage.kind !== 'Unleased' || counter.acquire === undefined) return shortage
  return counter.acquire(amount, nowMs)
}

export function isAdmitted(answer: Ticket | Shortage): answer is Ticket {
  return typeof answer === 'number'
}

export interface Admission {
  readonly atMs: number
  readonly amount: number
}

/** The most that any span of that length holds. */
export function mostWithin(windowMs: number, admissions: readonly Admission[]): number {
  const ordered = admissions.toSorted((a, b) => a.atMs - b.atMs)
  let [most, sum, first] = [0, 0, 0]
  for (const { atMs, amount } of ordered) {
    sum += amount
    for (let oldest = ordered[first]; oldest !== undefined && oldest.atMs <= atMs - windowMs; oldest = ordered[first]) {
      sum -= oldest.amount
      first++
    }
    most = Math.max(most, sum)
  }
  return most
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Polls until it holds; for what comes by itself, whenever that is. */
export async function eventually(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const untilMs = now() + withinMs
  while (!(await holds())) {
    if (now() > untilMs) throw new Error(`not within ${withinMs} ms: ${holds}`)
    await sleep(10)
  }
}
