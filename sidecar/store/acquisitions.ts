// Requests that wait for a lease of one count, first come first served, and the one call to the store that may be under way for it.
//
// In: amounts. Out: a ticket or a shortage for each, at the latest at its deadline, when the declared policy decides. While a call is
// under way nobody starts another: what is waiting is in the next one. A call that is answered after its deadline is still good for
// those who come then.
import type { Shortage, Ticket } from '../limits/counter.ts'
import type { Deadlines, Waiting } from './deadlines.ts'
import type { Script } from './script.ts'
import type { StoreGate } from './store-gate.ts'

export interface StoreCall {
  readonly script: Script
  readonly keys: readonly string[]
  readonly values: readonly (string | number)[]
  /** Throws when the answer has another form. */
  answered(reply: unknown, nowMs: number): void
}

/** What differs between amounts and slots. */
export interface Leasing {
  /** From what is leased; undefined when that is not enough. */
  takeLeased(amount: number, nowMs: number): Ticket | undefined
  /** By what the store said a moment ago; undefined when it must be asked. */
  refusal(amount: number, nowMs: number): Shortage | undefined
  takeWithoutStore(amount: number, nowMs: number): Ticket | Shortage
  /** `first` must fit, `waiting` is what all want who wait; both 0 when nobody does. */
  prepareCall(first: number, waiting: number, nowMs: number): StoreCall
}

export interface AcquisitionDeps {
  readonly gate: StoreGate
  readonly deadlines: Deadlines
  readonly now: () => number
}

export class Acquisitions {
  readonly #leasing: Leasing
  readonly #deps: AcquisitionDeps
  #waiters: Waiter[] = []
  #isAsking = false

  constructor(leasing: Leasing, deps: AcquisitionDeps) {
    this.#leasing = leasing
    this.#deps = deps
  }

  get isAsking(): boolean {
    return this.#isAsking
  }

  acquire(amount: number, nowMs: number): Promise<Ticket | Shortage> {
    const { gate, deadlines } = this.#deps
    if (!gate.isUp) return Promise.resolve(this.#decideAlone(amount, nowMs))
    const { promise, resolve } = Promise.withResolvers<Ticket | Shortage>()
    const waiter = new Waiter(amount, resolve, () => this.#giveUp(waiter))
    this.#waiters.push(waiter)
    deadlines.add(waiter)
    this.#serve(nowMs)
    return promise
  }

  /** Asks the store unless a call is under way; for what is waiting, or for nobody. */
  ask(nowMs: number): void {
    const { gate } = this.#deps
    if (this.#isAsking || !gate.isUp) return
    const waiting = this.#waiters.reduce((sum, { amount }) => sum + amount, 0)
    this.#isAsking = true
    const call = this.#leasing.prepareCall(this.#waiters[0]?.amount ?? 0, waiting, nowMs)
    gate
      .call(call.script, call.keys, call.values)
      .then((reply) => call.answered(reply, this.#deps.now()))
      .then(
        () => this.#serveAfterCall(),
        () => this.#decideAfterFailure(),
      )
  }

  #serveAfterCall(): void {
    this.#isAsking = false
    this.#serve(this.#deps.now())
  }

  #decideAfterFailure(): void {
    this.#isAsking = false
    const nowMs = this.#deps.now()
    for (const waiter of this.#waiters.splice(0)) {
      waiter.decide(this.#decideAlone(waiter.amount, nowMs))
    }
  }

  /** In order; one who is refused does not hold up the smaller ones behind, and one who must wait does. */
  #serve(nowMs: number): void {
    while (this.#waiters[0] !== undefined) {
      const [first] = this.#waiters
      const decision = this.#leasing.takeLeased(first.amount, nowMs) ?? this.#leasing.refusal(first.amount, nowMs)
      if (decision === undefined) return this.ask(nowMs)
      this.#waiters.shift()
      first.decide(decision)
    }
  }

  #giveUp(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter)
    this.#deps.gate.noteWaitedInVain()
    waiter.decide(this.#decideAlone(waiter.amount, this.#deps.now()))
  }

  /** What is leased is counted in the store already, whatever has become of that. */
  #decideAlone(amount: number, nowMs: number): Ticket | Shortage {
    return this.#leasing.takeLeased(amount, nowMs) ?? this.#leasing.takeWithoutStore(amount, nowMs)
  }
}

class Waiter implements Waiting {
  readonly amount: number
  readonly #resolve: (decision: Ticket | Shortage) => void
  readonly #onExpiry: () => void
  #isDecided = false

  constructor(amount: number, resolve: (decision: Ticket | Shortage) => void, onExpiry: () => void) {
    this.amount = amount
    this.#resolve = resolve
    this.#onExpiry = onExpiry
  }

  decide(decision: Ticket | Shortage): void {
    this.#isDecided = true
    this.#resolve(decision)
  }

  expire(): void {
    if (!this.#isDecided) this.#onExpiry()
  }
}
