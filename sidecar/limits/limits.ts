// How much may be used: every limit and budget that applies to a request or an attempt, decided together.
//
// In: the rows that apply, what tells their keys, the expected demand. Out: a Grant, with something taken from every row, or the row
// that has no room, with nothing taken from any. A grant is settled with what was really used; less comes back, more is counted even
// beyond the limit, since an answer that was admitted is never cut. It never waits, except where a store must be asked first.
//
// It reads no clock: `nowMs` is monotonic and comes with every call. Counts outlive the documents that declare them: neither a reload
// nor a row that is gone for a while gives anybody a fresh window. Rejected: charging row after row and handing back when one refuses,
// since requests at the same time would be refused for amounts that nobody used.
import type { LimitShares, LimitsReport } from '../../contract/limit-shares.ts'
import type { CounterSource, Shortage, Ticket } from './counter.ts'
import type { Demand } from './demand.ts'
import { type BudgetWarning, Grant, type OpenGrants, type Reached, type Take } from './grant.ts'
import { type CountedRow, isRefusing } from './limit-row.ts'
import { RowCounts, type RowReport } from './row-counts.ts'
import type { KeyValues } from './row-key.ts'
import type { Shares } from './shares.ts'
import { stricter, survey } from './survey.ts'

/** Rows that no document declares any more and that are not idle; beyond it those declared first are forgotten. */
const RETIRED_MAX = 1000

const NO_WARNINGS: readonly BudgetWarning[] = []

export class Limits {
  readonly #source: CounterSource
  readonly #shares: Shares
  /** By identity: those of the document, and those that are gone and not idle yet. */
  readonly #rows = new Map<string, RowCounts>()
  #adopted: ReadonlySet<RowCounts> = new Set()
  readonly #ledger: OpenGrants = { open: 0 }

  constructor(source: CounterSource, shares: Shares) {
    this.#source = source
    this.#shares = shares
  }

  /** Grants that are not settled yet. */
  get open(): number {
    return this.#ledger.open
  }

  /** The rows of a document that is adopted. Those that were there before (`identity`) go on counting, with the new limit. */
  adopt(rows: readonly CountedRow[], nowMs: number): void {
    const adopted = new Set<RowCounts>()
    for (const row of rows) {
      const counts = this.#countsOf(row)
      counts.configure(row, nowMs)
      adopted.add(counts)
    }
    this.#adopted = adopted
    this.#forgetRetired(nowMs)
  }

  /** What the operator grants this pod, undefined when it grants nothing (any more). */
  assign(granted: LimitShares | undefined, nowMs: number): void {
    this.#shares.assign(granted)
    for (const counts of this.#rows.values()) counts.applyShares(nowMs)
  }

  /**
   * All or nothing over the rows that can refuse; the others are counted with them and refuse nothing. Of several without room the
   * strictest is named. A Promise only when a store has to be asked.
   */
  take(
    rows: readonly CountedRow[],
    values: KeyValues,
    expected: Demand,
    nowMs: number,
  ): Grant | Reached | Promise<Grant | Reached> {
    const takes = this.#takesOf(rows, values, expected, nowMs)
    const { reached, asksStore, shadowed } = survey(takes, nowMs)
    if (reached !== undefined) return this.#refuse(reached)
    if (asksStore === 'Yes') return this.#takeFromStore(takes, shadowed, nowMs)
    for (const take of takes) take.ticket = take.count.counter.take(take.amount, nowMs)
    return this.#grant(takes, shadowed, nowMs)
  }

  /** Whether a budget is used up: asked for those that then fall back (`onExhausted`), which never refuse. */
  exhausted(row: CountedRow, values: KeyValues, nowMs: number): boolean {
    const { counter } = this.#countsOf(row).countFor(values, nowMs)
    return row.mode === 'Enforce' && counter.used(nowMs) >= counter.capacity()
  }

  /** Of the document's rows, in its order. */
  reports(nowMs: number): RowReport[] {
    return [...this.#adopted].map((counts) => counts.report(nowMs))
  }

  /** What the operator divides by, and tells in statuses. */
  sharesReport(nowMs: number): LimitsReport {
    const reports = this.reports(nowMs)
    return {
      instance: this.#shares.instance,
      sharesVersion: this.#shares.version,
      limits: reports.map(({ row, capacity, used, wanted }) => ({ id: row.id, share: capacity, used, wanted })),
    }
  }

  /** An array of the right length, since one that grows begins with room for 17. */
  #takesOf(rows: readonly CountedRow[], values: KeyValues, expected: Demand, nowMs: number): Take[] {
    const takes = new Array<Take>(rows.length)
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as CountedRow
      const count = this.#countsOf(row).countFor(values, nowMs)
      takes[i] = { count, amount: count.amountOf(row, expected, nowMs), ticket: undefined }
    }
    return takes
  }

  /** All has been taken. */
  #grant(takes: readonly Take[], shadowed: readonly Reached[], nowMs: number): Grant {
    for (const { row } of shadowed) this.#countsOf(row).noteShadowRefused()
    let warnings = NO_WARNINGS
    for (const { count } of takes) {
      count.noteTaken()
      if (count.row.warnAtPercent.length === 0) continue
      const warning = count.warning(nowMs, this.#shares.passedPercentOf(count.row, nowMs))
      if (warning !== undefined) warnings = [...warnings, warning]
    }
    this.#ledger.open++
    return new Grant(takes, shadowed, warnings, this.#ledger)
  }

  #refuse(reached: Reached): Reached {
    this.#countsOf(reached.row).noteRefused()
    return reached
  }

  /**
   * What is counted here is taken before the store is asked, so that nobody else gets it meanwhile, and comes back when the store
   * refuses.
   */
  async #takeFromStore(takes: readonly Take[], shadowed: readonly Reached[], nowMs: number): Promise<Grant | Reached> {
    const answers = await Promise.all(takes.map((take) => takeOrAcquire(take, nowMs)))
    let reached: Reached | undefined
    takes.forEach((take, i) => {
      const answer = answers[i] as Ticket | Shortage
      if (isTicket(answer)) take.ticket = answer
      else reached = stricter(reached, take, answer, nowMs)
    })
    if (reached === undefined) return this.#grant(takes, shadowed, nowMs)
    for (const { count, amount, ticket } of takes) {
      if (ticket !== undefined) count.counter.settle(ticket, amount, 0, nowMs)
    }
    return this.#refuse(reached)
  }

  /** An older document's request may ask for a row that is no longer declared, so they are made when asked for. */
  #countsOf(row: CountedRow): RowCounts {
    const known = this.#rows.get(row.identity)
    if (known !== undefined) return known
    const counts = new RowCounts(row, this.#source, this.#shares)
    this.#rows.set(row.identity, counts)
    return counts
  }

  #forgetRetired(nowMs: number): void {
    let retired = this.#rows.size - this.#adopted.size
    for (const [identity, counts] of this.#rows) {
      if (this.#adopted.has(counts) || (retired <= RETIRED_MAX && !counts.isIdle(nowMs))) continue
      this.#rows.delete(identity)
      retired--
    }
  }
}

function takeOrAcquire({ count, amount }: Take, nowMs: number): Ticket | Promise<Ticket | Shortage> {
  const { counter, row } = count
  const acquired = isRefusing(row) ? counter.acquire?.(amount, nowMs) : undefined
  return acquired ?? counter.take(amount, nowMs)
}

function isTicket(answer: Ticket | Shortage): answer is Ticket {
  return typeof answer === 'number'
}
