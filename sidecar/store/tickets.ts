// Tickets of counts in a store: where in the store an amount is counted, and the ticket of the local count beside it. Their fields are
// kept in a table whose places are used again, so a ticket is the number of a place and costs no object.
import type { Ticket } from '../limits/counter.ts'

export class Tickets {
  readonly #buckets: number[] = []
  readonly #locals: Ticket[] = []
  readonly #free: Ticket[] = []

  /** Tickets that were not redeemed. */
  get open(): number {
    return this.#buckets.length - this.#free.length
  }

  issue(bucket: number, local: Ticket): Ticket {
    const ticket = this.#free.pop() ?? this.#buckets.length
    this.#buckets[ticket] = bucket
    this.#locals[ticket] = local
    return ticket
  }

  bucketOf(ticket: Ticket): number {
    return this.#buckets[ticket] as number
  }

  /** Ends the ticket; returns that of the local count. */
  redeem(ticket: Ticket): Ticket {
    this.#free.push(ticket)
    return this.#locals[ticket] as Ticket
  }
}
