// Counts open requests in a store: slots that this process holds there under its own name, renewed for as long as it lives.
//
// A slot whose request ended is used again here without asking; one that nobody used for a moment goes back. How many are held is
// always told as a number, never as a change, so a lost answer is made good by the next call. What is held is lowered here before the
// store is told, and raised after it has answered: so never more is open than is held. When the slots could not be renewed in time they
// are not used any more, since others may have them. And while all together hold more than the limit, since somebody had to decide without
// the store or the limit has become smaller, what ends here is not used again.
import { beyondCapacity, type Counter, type Shortage, type Ticket } from '../limits/counter.ts'
import { type CountedRow, isRefusing } from '../limits/limit-row.ts'
import { Acquisitions, type Leasing, type StoreCall } from './acquisitions.ts'
import type { CounterDeps, Flushable } from './counter-deps.ts'
import { DENIAL_FRESH_MS } from './denial.ts'
import { localShare, shortageWithoutStore } from './failure-policy.ts'
import { parseSlotReply, SLOT_SCRIPT, type SlotReply, slotValues } from './slot-script.ts'

const UNLEASED: Shortage = Object.freeze({ kind: 'Unleased', retryAfterMs: 0, remaining: 0 })
/** Slots that nobody used for so long go back; for at most twice as long. */
const UNUSED_MS = 200
/** Beyond what is needed, this part of what is open is asked for, so that a growing load asks less often. */
const AHEAD_PART = 1 / 8

/** Renewed after so much of their time: two renewals in a row can fail. */
const RENEW_PART = 0.3

export class SlotCounter implements Counter, Leasing, Flushable {
  #row: CountedRow
  readonly #keys: readonly [expiries: string, held: string]
  readonly #deps: CounterDeps
  readonly #ttlMs: number
  /** What is open here. */
  readonly #local: Counter
  readonly #acquisitions: Acquisitions
  #held = 0
  /** What the store said last. */
  #heldThere = 0
  /** From then on others may have them. */
  #heldUntilMs = 0
  #renewAtMs = 0
  /** The most that was open since `#peakSinceMs`, and in the time of equal length before. */
  #peak = 0
  #peakBefore = 0
  #peakSinceMs: number
  #refusedAtMs = Number.NEGATIVE_INFINITY
  /** Of all sidecars, as the store said last. */
  #sum = 0
  #isReleased = false

  constructor(row: CountedRow, name: string, local: Counter, ttlMs: number, deps: CounterDeps) {
    this.#row = row
    this.#keys = [`${name}:expiries`, `${name}:held`]
    this.#local = local
    this.#ttlMs = ttlMs
    this.#deps = deps
    this.#acquisitions = new Acquisitions(this, deps)
    this.#peakSinceMs = deps.now()
  }

  configure(row: CountedRow, _capacity: number, nowMs: number): void {
    this.#row = row
    this.#refusedAtMs = Number.NEGATIVE_INFINITY
    this.#local.configure(row, this.#share(), nowMs)
  }

  shortage(amount: number, nowMs: number): Shortage | undefined {
    if (amount === 0) return undefined
    if (amount > this.#row.limit) return beyondCapacity(amount, this.#row.limit, this.#remaining())
    if (this.#isHeld(amount, nowMs)) return undefined
    if (!this.#deps.gate.isUp) return this.#shortageWithoutStore(amount, nowMs)
    if (!isRefusing(this.#row)) return amount <= this.#remaining() ? undefined : this.#reached()
    return this.refusal(amount, nowMs) ?? UNLEASED
  }

  take(amount: number, nowMs: number): Ticket {
    const ticket = this.#local.take(amount, nowMs)
    this.#peak = Math.max(this.#peak, this.#open(nowMs))
    if (!this.#isHeld(0, nowMs)) this.#deps.schedule(this)
    return ticket
  }

  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void {
    this.#local.settle(ticket, taken, actual, nowMs)
    if (this.#sum > this.#row.limit) this.#held = Math.min(this.#held, this.#open(nowMs))
    this.#deps.schedule(this)
  }

  used(nowMs: number): number {
    return Math.max(this.#open(nowMs), this.#sum - Math.max(0, this.#held - this.#open(nowMs)))
  }

  /** Even while the share decides: what is open is compared with what all may open. */
  capacity(): number {
    return this.#row.limit
  }

  isIdle(nowMs: number): boolean {
    return this.#open(nowMs) === 0 && this.#held === 0 && !this.#acquisitions.isAsking
  }

  acquire(amount: number, nowMs: number): Promise<Ticket | Shortage> {
    return this.#acquisitions.acquire(amount, nowMs)
  }

  takeLeased(amount: number, nowMs: number): Ticket | undefined {
    return this.#isHeld(amount, nowMs) ? this.take(amount, nowMs) : undefined
  }

  refusal(_amount: number, nowMs: number): Shortage | undefined {
    return nowMs - this.#refusedAtMs < DENIAL_FRESH_MS ? this.#reached() : undefined
  }

  takeWithoutStore(amount: number, nowMs: number): Ticket | Shortage {
    return this.#shortageWithoutStore(amount, nowMs) ?? this.take(amount, nowMs)
  }

  /** Gives back what is unused, makes good what is missing, renews what expires. */
  flush(nowMs: number): boolean {
    this.#movePeak(nowMs)
    if (this.#isReleased) this.#peak = this.#peakBefore = 0
    if (!this.#acquisitions.isAsking && this.#deps.gate.isUp) {
      const open = this.#open(nowMs)
      const useful = Math.max(open, this.#peak, this.#peakBefore)
      const isNews = this.#held > useful || this.#held < open || this.#held < this.#heldThere
      if (isNews || (this.#held > 0 && nowMs >= this.#renewAtMs)) {
        this.#held = Math.min(this.#held, useful)
        this.#acquisitions.ask(nowMs)
      }
    }
    return this.#held > 0 || this.#open(nowMs) > 0
  }

  release(): void {
    this.#isReleased = true
  }

  prepareCall(first: number, waiting: number, nowMs: number): StoreCall {
    const open = this.#open(nowMs)
    const need = Math.max(this.#held, open + first)
    const ahead = first > 0 ? waiting - first + Math.ceil(open * AHEAD_PART) : 0
    this.#renewAtMs = nowMs + this.#ttlMs * RENEW_PART
    const values = slotValues({
      holder: this.#deps.instance,
      limit: this.#row.limit,
      open,
      need,
      want: need + ahead,
      parts: 2 * this.#deps.sidecars(this.#row.scope),
      expiryMs: this.#ttlMs,
    })
    const answered = (reply: unknown, atMs: number) => this.#learn(parseSlotReply(reply), nowMs, atMs)
    return { script: SLOT_SCRIPT, keys: this.#keys, values, answered }
  }

  #learn({ fits, held, sum }: SlotReply, askedMs: number, nowMs: number): void {
    this.#held = held
    this.#heldThere = held
    this.#heldUntilMs = askedMs + this.#ttlMs
    this.#sum = sum
    this.#refusedAtMs = fits ? Number.NEGATIVE_INFINITY : nowMs
    this.#deps.schedule(this)
  }

  /** What is still open when the process ends, ends with it. */
  #open(nowMs: number): number {
    return this.#isReleased ? 0 : this.#local.used(nowMs)
  }

  /** Whether there are slots for what is open and so much more. */
  #isHeld(amount: number, nowMs: number): boolean {
    return this.#open(nowMs) + amount <= this.#held && nowMs < this.#heldUntilMs
  }

  #movePeak(nowMs: number): void {
    if (nowMs - this.#peakSinceMs < UNUSED_MS) return
    this.#peakBefore = this.#peak
    this.#peak = this.#open(nowMs)
    this.#peakSinceMs = nowMs
  }

  #shortageWithoutStore(amount: number, nowMs: number): Shortage | undefined {
    const share = this.#share()
    if (this.#local.capacity() !== share) this.#local.configure(this.#row, share, nowMs)
    const known = { row: this.#row, local: this.#local, room: this.#roomWithoutStore(nowMs) }
    return shortageWithoutStore(this.#deps.onFailure, known, amount, nowMs)
  }

  /** The slots that are held here, and an even part of those that nobody held, for as long as that is known. */
  #roomWithoutStore(nowMs: number): number {
    if (nowMs >= this.#heldUntilMs) return Number.POSITIVE_INFINITY
    const part = Math.floor(this.#remaining() / this.#deps.sidecars(this.#row.scope))
    return this.#held + part - this.#open(nowMs)
  }

  #reached(): Shortage {
    return { kind: 'Reached', retryAfterMs: 0, remaining: this.#remaining() }
  }

  #remaining(): number {
    return Math.max(0, this.#row.limit - this.#sum)
  }

  #share(): number {
    const { shareOf, sidecars } = this.#deps
    return localShare(this.#row.limit, shareOf(this.#row), sidecars(this.#row.scope))
  }
}
