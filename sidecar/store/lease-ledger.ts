// What one sidecar owes the store, and has of it, for one count. Pure: it decides what to send, others send it.
//
// A lease is an amount that the store has counted already, in one bucket; spending it costs nothing but a subtraction, until its life is
// over. Then what is left goes back. Whatever changes about earlier buckets (settlements, amounts that were taken without a lease)
// is collected by bucket and sent as one batch. A batch whose answer does not come may or may not have been counted: it stays, with its
// number, and is sent again as it is, and the store counts each number once. So nothing is lost and nothing counts twice, as long as the
// store remembers the number; a batch that is older than that gives nothing back any more, which can only count too much.
//
// Rejected: sending each settlement by itself (a round trip per request), and leases of several buckets at a time (a request would
// be spread over them, and its settlement too).

export interface Lease {
  bucket: number
  amount: number
  /** When it was asked for: its life begins before the store knows of it. */
  askedMs: number
  endsMs: number
}

export interface Batch {
  /** 0: nothing to count. */
  readonly number: number
  /** Bucket, difference, bucket, difference, … */
  readonly changes: readonly number[]
}

export const BATCH_EXPIRY_MS = 15 * 60_000
/** Answers may be under way while the store's time runs. */
const BATCH_SAFE_MS = BATCH_EXPIRY_MS / 2
/** A window has 130; more gather only while the store is away. */
const BUCKETS_MAX = 256
const NOTHING: Batch = { number: 0, changes: [] }

export class LeaseLedger {
  #lease: Lease = { bucket: 0, amount: 0, askedMs: 0, endsMs: 0 }
  #received = 0
  readonly #changes = new Map<number, number>()
  #sent: (Batch & { readonly sinceMs: number }) | undefined
  #number = 0

  /** What can be spent without asking. Time that went back behind the asking is no time of the lease. */
  left(nowMs: number): number {
    return this.#isAlive(nowMs) ? this.#lease.amount : 0
  }

  /** Whether less than that part of it is left, of its amount or of its life. */
  isBelow(part: number, nowMs: number): boolean {
    const { amount, askedMs, endsMs } = this.#lease
    return amount < part * this.#received || endsMs - nowMs < part * (endsMs - askedMs)
  }

  /** Where what is spent is counted. */
  get bucket(): number {
    return this.#lease.bucket
  }

  /** At most what `left` says. */
  spend(amount: number): void {
    this.#lease.amount -= amount
  }

  /** Counts what was taken without a lease, or more or less of what was. */
  change(bucket: number, difference: number): void {
    if (difference === 0) return
    this.#changes.set(bucket, (this.#changes.get(bucket) ?? 0) + difference)
    if (this.#changes.size > BUCKETS_MAX) this.#forgetOldest()
  }

  /** What comes back while its lease is alive can be spent again, and what is needed besides is taken from it. */
  settle(bucket: number, difference: number, nowMs: number): void {
    const isLeased = bucket === this.#lease.bucket && this.#isAlive(nowMs)
    const fromLease = isLeased ? Math.min(difference, this.#lease.amount) : 0
    this.#lease.amount -= fromLease
    this.change(bucket, difference - fromLease)
  }

  receive(lease: Lease): void {
    this.giveBack()
    this.#lease = lease
    this.#received = lease.amount
  }

  /** Ends the lease; what is left of it goes with the next batch. */
  giveBack(): void {
    const { bucket, amount } = this.#lease
    this.#lease.amount = 0
    this.change(bucket, -amount)
  }

  /** Nothing is to be told to the store, now or when the lease ends. */
  isClear(): boolean {
    return this.#lease.amount === 0 && this.#changes.size === 0 && this.#sent === undefined
  }

  /** In all, of what the store has not been told for certain. */
  get unsent(): number {
    let sum = 0
    for (const difference of this.#changes.values()) sum += difference
    return sum
  }

  hasChanges(): boolean {
    return this.#changes.size > 0 || this.#sent !== undefined
  }

  /** What goes out now; the same again until it is confirmed. */
  nextBatch(nowMs: number): Batch {
    if (this.#sent !== undefined) {
      if (nowMs - this.#sent.sinceMs > BATCH_SAFE_MS)
        this.#sent = { ...this.#sent, changes: additions(this.#sent.changes) }
      return this.#sent
    }
    if (this.#changes.size === 0) return NOTHING
    const changes = [...this.#changes].flatMap(([bucket, difference]) => (difference === 0 ? [] : [bucket, difference]))
    this.#changes.clear()
    if (changes.length === 0) return NOTHING
    this.#sent = { number: ++this.#number, changes, sinceMs: nowMs }
    return this.#sent
  }

  confirm({ number }: Batch): void {
    if (this.#sent?.number === number) this.#sent = undefined
  }

  #isAlive(nowMs: number): boolean {
    return nowMs < this.#lease.endsMs && nowMs >= this.#lease.askedMs
  }

  /** It is about to leave the window: what is missing there is counted a little later, and what is too much is forgotten. */
  #forgetOldest(): void {
    const oldest = Math.min(...this.#changes.keys())
    const difference = this.#changes.get(oldest) ?? 0
    this.#changes.delete(oldest)
    if (difference > 0) this.change(Math.min(...this.#changes.keys()), difference)
  }
}

function additions(changes: readonly number[]): readonly number[] {
  const kept: number[] = []
  for (let i = 0; i < changes.length; i += 2) {
    const difference = changes[i + 1] ?? 0
    if (difference > 0) kept.push(changes[i] ?? 0, difference)
  }
  return kept
}
