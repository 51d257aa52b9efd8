// Counts requests, tokens or money of a window or a period, in a store.
//
// What is leased is spent here, without a round trip; what comes back or is missing is sent in batches. Beside the store's count a local
// one is kept of what this process takes: it decides by the share while the store is away, so that a process that has used its share
// already does not get it a second time. Rows that never refuse need no lease: they are counted in batches.
import type { Period } from '../../contract/calendar.ts'
import { beyondCapacity, type Counter, type Shortage, type Ticket } from '../limits/counter.ts'
import { type CountedRow, isRefusing } from '../limits/limit-row.ts'
import { Acquisitions, type Leasing, type StoreCall } from './acquisitions.ts'
import { AMOUNT_SCRIPT, type AmountCall, type AmountReply, amountValues, parseAmountReply } from './amount-script.ts'
import {
  BUCKETS_PER_WINDOW,
  lifeMsOf,
  type PeriodClock,
  periodOfCall,
  type SpanOfCall,
  windowOfCall,
} from './amount-span.ts'
import type { CounterDeps, Flushable } from './counter-deps.ts'
import { type Denial, shortageBy } from './denial.ts'
import { localShare, shortageWithoutStore } from './failure-policy.ts'
import { BATCH_EXPIRY_MS, type Batch, LeaseLedger } from './lease-ledger.ts'
import { Tickets } from './tickets.ts'
import { UseRate } from './use-rate.ts'

const UNLEASED: Shortage = Object.freeze({ kind: 'Unleased', retryAfterMs: 0, remaining: 0 })
/** When so much of a lease is left, the next one is asked for. */
const PREFETCH_PART = 0.25

/** While so much of the limit remains, nobody waits for what others give back. */
const AMPLE_PART = 0.25

/** What goes to one key of the store. A window has one account for good, a calendar one per period. */
interface Account {
  readonly keys: readonly [count: string, batches: string]
  readonly ledger: LeaseLedger
  /** The period's start; 0 of a window. */
  readonly startMs: number
}

export class AmountCounter implements Counter, Leasing, Flushable {
  #row: CountedRow
  readonly #name: string
  readonly #deps: CounterDeps
  readonly #local: Counter
  /** Undefined for a window. */
  readonly #periods: PeriodClock | undefined
  readonly #acquisitions: Acquisitions
  readonly #tickets = new Tickets()
  readonly #rate: UseRate
  #lifeMs: number
  #window: SpanOfCall
  #account: Account
  /** Of the period before, until all of it is told. */
  #previous: Account | undefined
  #wantsLease = false
  #denial: Denial | undefined
  /** The store's clock less ours. */
  #aheadMs: number
  /** As the store said last, our lease included. */
  #sum = 0
  #toldAtMs = Number.NEGATIVE_INFINITY
  /** What might have been taken here if the store had not answered any more, and what was counted here by then. */
  #told = { room: 0, usedHere: 0 }

  constructor(row: CountedRow, name: string, local: Counter, periods: PeriodClock | undefined, deps: CounterDeps) {
    const nowMs = deps.now()
    this.#row = row
    this.#name = name
    this.#deps = deps
    this.#local = local
    this.#periods = periods
    this.#acquisitions = new Acquisitions(this, deps)
    this.#rate = new UseRate(nowMs)
    this.#lifeMs = lifeMsOf(row, deps.timeoutMs)
    this.#window = windowOfCall(row, this.#lifeMs)
    this.#aheadMs = deps.wallClock(nowMs) - nowMs
    this.#account = this.#open(periods?.periodAt(nowMs))
    deps.schedule(this)
  }

  configure(row: CountedRow, _capacity: number, nowMs: number): void {
    this.#row = row
    this.#lifeMs = lifeMsOf(row, this.#deps.timeoutMs)
    this.#window = windowOfCall(row, this.#lifeMs)
    this.#denial = undefined
    this.#local.configure(row, this.#share(), nowMs)
  }

  shortage(amount: number, nowMs: number): Shortage | undefined {
    const whole = Math.ceil(amount)
    if (whole === 0) return undefined
    if (whole > this.#row.limit) return beyondCapacity(whole, this.#row.limit, this.#remaining(nowMs))
    if (this.#accountAt(nowMs).ledger.left(nowMs) >= whole) return undefined
    if (!this.#deps.gate.isUp) return this.#shortageWithoutStore(whole, nowMs)
    if (!isRefusing(this.#row)) return this.#shortageAsTold(whole, nowMs)
    return this.refusal(whole, nowMs) ?? UNLEASED
  }

  take(amount: number, nowMs: number): Ticket {
    const whole = Math.ceil(amount)
    const local = this.#local.take(whole, nowMs)
    const { ledger, startMs } = this.#accountAt(nowMs)
    this.#rate.add(whole)
    if (whole > 0 && ledger.left(nowMs) >= whole) {
      ledger.spend(whole)
      if (ledger.isBelow(PREFETCH_PART, nowMs)) this.#prefetch(whole, nowMs)
      return this.#tickets.issue(ledger.bucket, local)
    }
    const bucket = this.#periods === undefined ? this.#bucketAt(nowMs) : startMs
    ledger.change(bucket, whole)
    this.#deps.schedule(this)
    return this.#tickets.issue(bucket, local)
  }

  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void {
    const bucket = this.#tickets.bucketOf(ticket)
    const [from, to] = [Math.ceil(taken), Math.ceil(actual)]
    this.#local.settle(this.#tickets.redeem(ticket), from, to, nowMs)
    if (from === to) return
    const { ledger, startMs } = this.#accountAt(nowMs)
    if (this.#periods === undefined) ledger.settle(this.#bucketOf(bucket, to - from, nowMs), to - from, nowMs)
    else if (bucket === startMs) ledger.settle(bucket, to - from, nowMs)
    else if (to > from) ledger.change(startMs, to - from)
    this.#deps.schedule(this)
  }

  /** As the store said last; while nothing is known from there, what this process has counted. */
  used(nowMs: number): number {
    const { ledger } = this.#accountAt(nowMs)
    const told = this.#isOld(nowMs) ? 0 : this.#sum - ledger.left(nowMs) + ledger.unsent
    return Math.max(told, this.#local.used(nowMs))
  }

  /** Even while the share decides: what is used is compared with what all may use. */
  capacity(): number {
    return this.#row.limit
  }

  /** What is counted is in the store: it is forgotten here as soon as nothing of it is on its way. */
  isIdle(): boolean {
    const isClear = this.#account.ledger.isClear() && this.#previous === undefined
    return isClear && this.#tickets.open === 0 && !this.#acquisitions.isAsking
  }

  acquire(amount: number, nowMs: number): Promise<Ticket | Shortage> {
    return this.#acquisitions.acquire(Math.ceil(amount), nowMs)
  }

  takeLeased(amount: number, nowMs: number): Ticket | undefined {
    return this.#accountAt(nowMs).ledger.left(nowMs) >= amount ? this.take(amount, nowMs) : undefined
  }

  refusal(amount: number, nowMs: number): Shortage | undefined {
    return this.#denial === undefined ? undefined : shortageBy(this.#denial, amount, nowMs)
  }

  takeWithoutStore(amount: number, nowMs: number): Ticket | Shortage {
    return this.#shortageWithoutStore(amount, nowMs) ?? this.take(amount, nowMs)
  }

  flush(nowMs: number): boolean {
    const { ledger } = this.#accountAt(nowMs)
    if (ledger.left(nowMs) === 0) ledger.giveBack()
    const isNews = ledger.hasChanges() || this.#previous !== undefined || this.#toldAtMs === Number.NEGATIVE_INFINITY
    if (isNews && !this.#isWaitingWorth(nowMs)) this.#acquisitions.ask(nowMs)
    return isNews || !ledger.isClear()
  }

  /** What is only given back goes with the question for the next lease, unless others may need it, or there may be no next. */
  #isWaitingWorth(nowMs: number): boolean {
    const { ledger } = this.#account
    const isAmple = this.#row.limit - this.#sum > AMPLE_PART * this.#row.limit
    return isAmple && this.#previous === undefined && ledger.left(nowMs) > 0 && ledger.unsent <= 0
  }

  release(): void {
    this.#account.ledger.giveBack()
  }

  prepareCall(first: number, waiting: number, nowMs: number): StoreCall {
    const current = this.#accountAt(nowMs)
    const account = first === 0 && this.#previous !== undefined ? this.#previous : current
    // What is left of a lease goes along, to count for those who need more than that.
    if (first > 0 || account.ledger.left(nowMs) === 0) account.ledger.giveBack()
    const batch = account.ledger.nextBatch(nowMs)
    const ahead = this.#wantsLease || first > 0 ? Math.ceil(this.#rate.perMs(nowMs) * this.#lifeMs) : 0
    this.#wantsLease = false
    const call: AmountCall = {
      ...(this.#periods === undefined ? this.#window : periodOfCall(this.#row, this.#periods.restMs(nowMs))),
      need: first,
      want: account === current ? waiting + ahead : 0,
      parts: 2 * this.#deps.sidecars(this.#row.scope),
      batch: batch.number,
      batchExpiryMs: BATCH_EXPIRY_MS,
      changes: batch.changes,
    }
    return {
      script: AMOUNT_SCRIPT,
      keys: account.keys,
      values: amountValues(call),
      answered: (reply, atMs) => this.#learn({ account, batch, call, askedMs: nowMs }, parseAmountReply(reply), atMs),
    }
  }

  #learn(
    asked: { account: Account; batch: Batch; call: AmountCall; askedMs: number },
    reply: AmountReply,
    nowMs: number,
  ) {
    const { account, batch, call, askedMs } = asked
    account.ledger.confirm(batch)
    if (account === this.#previous) {
      if (account.ledger.isClear()) this.#previous = undefined
      return
    }
    if (account !== this.#accountAt(nowMs)) return
    const endsMs = this.#periods === undefined ? Number.POSITIVE_INFINITY : nowMs + this.#periods.restMs(nowMs)
    this.#sum = reply.sum
    this.#toldAtMs = nowMs
    // Later rather than earlier: what is counted in a later bucket leaves the window later.
    this.#aheadMs = reply.storeMs - askedMs
    this.#denial = reply.fits ? undefined : { call, reply, atMs: nowMs, endsMs }
    if (reply.granted > 0) {
      const bucket = this.#periods === undefined ? reply.bucket : account.startMs
      account.ledger.receive({
        bucket,
        amount: reply.granted,
        askedMs,
        endsMs: Math.min(askedMs + this.#lifeMs, endsMs),
      })
    }
    this.#told = { room: this.#roomAfter(reply, nowMs), usedHere: this.#local.used(nowMs) }
    if (!account.ledger.isClear()) this.#deps.schedule(this)
  }

  /** An even part of what is left for all, and what is leased here already. */
  #roomAfter({ sum }: AmountReply, nowMs: number): number {
    const { ledger } = this.#account
    const part = Math.floor(Math.max(0, this.#row.limit - sum) / this.#deps.sidecars(this.#row.scope))
    return part + ledger.left(nowMs) - Math.max(0, ledger.unsent)
  }

  /** What the store said has left the window since. */
  #isOld(nowMs: number): boolean {
    return this.#periods === undefined && nowMs - this.#toldAtMs > this.#window.keptMs
  }

  /** Before the lease is used up, when the next one would be large: then nobody waits for it. */
  #prefetch(amount: number, nowMs: number): void {
    if (this.#acquisitions.isAsking || this.#denial !== undefined) return
    const ahead = this.#rate.perMs(nowMs) * this.#lifeMs
    const parts = 2 * this.#deps.sidecars(this.#row.scope)
    if (ahead < 2 * amount || this.#row.limit - this.#sum < ahead * parts) return
    this.#wantsLease = true
    this.#acquisitions.ask(nowMs)
  }

  #shortageAsTold(amount: number, nowMs: number): Shortage | undefined {
    const remaining = this.#remaining(nowMs)
    return amount <= remaining ? undefined : { kind: 'Reached', retryAfterMs: 0, remaining }
  }

  #shortageWithoutStore(amount: number, nowMs: number): Shortage | undefined {
    const share = this.#share()
    if (this.#local.capacity() !== share) this.#local.configure(this.#row, share, nowMs)
    const known = { row: this.#row, local: this.#local, room: this.#roomWithoutStore(nowMs) }
    return shortageWithoutStore(this.#deps.onFailure, known, amount, nowMs)
  }

  /** What leaves the window here, or is settled for less, may be taken again here. */
  #roomWithoutStore(nowMs: number): number {
    const isKnown = this.#toldAtMs !== Number.NEGATIVE_INFINITY && !this.#isOld(nowMs)
    return isKnown ? this.#told.room + this.#told.usedHere - this.#local.used(nowMs) : Number.POSITIVE_INFINITY
  }

  #remaining(nowMs: number): number {
    return Math.max(0, this.#row.limit - this.used(nowMs))
  }

  #share(): number {
    const { shareOf, sidecars } = this.#deps
    return localShare(this.#row.limit, shareOf(this.#row), sidecars(this.#row.scope))
  }

  #bucketAt(nowMs: number): number {
    return Math.floor((nowMs + this.#aheadMs) / this.#window.bucketMs)
  }

  /**
   * Where a difference is counted. When what it belongs to has left the window, more counts as of now; the store knows no difference
   * of less.
   */
  #bucketOf(bucket: number, difference: number, nowMs: number): number {
    const newest = this.#bucketAt(nowMs)
    return difference > 0 && bucket < newest - BUCKETS_PER_WINDOW ? newest : bucket
  }

  #accountAt(nowMs: number): Account {
    const period = this.#periods?.periodAt(nowMs)
    if (period !== undefined && period.startMs !== this.#account.startMs) this.#begin(period)
    return this.#account
  }

  #begin(period: Period): void {
    const { ledger } = this.#account
    ledger.giveBack()
    if (!ledger.isClear()) this.#previous = this.#account
    this.#account = this.#open(period)
    this.#sum = 0
    this.#denial = undefined
    this.#toldAtMs = Number.NEGATIVE_INFINITY
    this.#deps.schedule(this)
  }

  #open(period: Period | undefined): Account {
    const { span } = this.#row
    const count = `${this.#name}:${span.type === 'Window' ? `${span.windowMs}ms` : period?.startMs}`
    const keys = [count, `${count}:${this.#deps.instance}`] as const
    return { keys, ledger: new LeaseLedger(), startMs: period?.startMs ?? 0 }
  }
}
