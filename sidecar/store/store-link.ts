// Which connection the gate asks: the one by the newest address that let us in.
//
// In: addresses, one after another, as a password is changed or the store moves. Out: the gate's connection. A new address takes over
// only when its connection is ready, whether the old one is up or not: both are tried meanwhile, so a password that the store does not
// know yet, or a mistyped host, costs nothing but a warning. What was sent on the old connection is still waited for.
//
// It never looks into answers, and keeps no counts: what was taken and not told yet is told over the next connection, under the same
// names. Rejected: to end the old connection first (the policy would decide for a while with every rotation), and to do so while the
// store is away (a mistake that comes in the moment of a failover would outlast it).
import { openConnection, type StoreConnection } from './connection.ts'
import { describeStore, type StoreAddress } from './store-address.ts'
import type { StoreGate } from './store-gate.ts'

interface Link {
  readonly address: StoreAddress
  readonly connection: StoreConnection
}

export interface LinkEvents {
  /** From now on this one is used. */
  onUsed(address: StoreAddress): void
  /** Why the newest one is not; free of credentials. Told with each try. */
  onProblem(why: string): void
  /** By which the store that is used may forget counts; undefined where it forgets none. Told with each connection to it. */
  onEvictionPolicy(policy: string | undefined): void
}

/** Far longer than anybody waits for an answer. */
const LEAVING_MS = 2000

export class StoreLink {
  readonly #gate: StoreGate
  readonly #random: () => number
  readonly #events: LinkEvents
  #current: Link | undefined
  /** Not ready yet. */
  #next: Link | undefined
  readonly #leaving = new Map<StoreConnection, NodeJS.Timeout>()
  #closed = false

  constructor(gate: StoreGate, random: () => number, events: LinkEvents) {
    this.#gate = gate
    this.#random = random
    this.#events = events
  }

  /** Of the connection that is used. */
  get address(): StoreAddress | undefined {
    return this.#current?.address
  }

  /** Returns before it is connected; not twice at once. Rejects when a file that the address names cannot be read, and changes nothing. */
  async use(address: StoreAddress): Promise<void> {
    const events = {
      onReady: () => {
        if (this.address === address) this.#gate.onReady()
        else this.#takeOver(address)
        void this.#askHowItEvicts(address, connection)
      },
      onLost: (why: string) => this.#lost(address, why),
    }
    const connection = await openConnection(address, events, this.#random)
    if (this.#closed) return connection.close()
    this.#next?.connection.close()
    this.#next = { address, connection }
    if (this.#current === undefined || connection.isReady()) this.#takeOver(address)
  }

  close(): void {
    this.#closed = true
    this.#next?.connection.close()
    for (const [connection, timer] of this.#leaving) {
      clearTimeout(timer)
      connection.close()
    }
  }

  #takeOver(address: StoreAddress): void {
    const [before, next] = [this.#current, this.#next]
    if (next?.address !== address) return
    this.#current = next
    this.#next = undefined
    this.#gate.use(next.connection)
    if (before !== undefined) this.#leave(before.connection)
    this.#events.onUsed(address)
  }

  async #askHowItEvicts(address: StoreAddress, connection: StoreConnection): Promise<void> {
    const policy = await connection.evictionPolicy()
    if (this.address === address) this.#events.onEvictionPolicy(policy)
  }

  #leave(connection: StoreConnection): void {
    const timer = setTimeout(() => {
      this.#leaving.delete(connection)
      connection.close()
    }, LEAVING_MS)
    this.#leaving.set(connection, timer)
  }

  #lost(address: StoreAddress, why: string): void {
    if (this.address === address) this.#gate.onLost(why)
    else if (this.#next?.address === address) this.#events.onProblem(`${describeStore(address)}: ${why}`)
  }
}
