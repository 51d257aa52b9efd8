// What is let in: how many connections and requests there are at the same time, and whether one more may come. It is asked
// before anything of a request's body is read, and what it refuses is answered at once, so that a flood costs little and
// what goes on already keeps its room. Bodies have a budget of their own (BodyBudget), asked as soon as a length is known.
//
// Rejected: a queue. Whoever waits here has a client with a time limit and a retry of its own; `Retry-After` uses those.
import { Refusal } from '../errors.ts'
import type { AnswerBudget } from './answer-budget.ts'

export interface AdmissionOptions {
  connectionsMax: number
  /** Requests at the same time, joined WebSockets included. */
  requestsMax: number
  answers: AnswerBudget
}

export class Admission {
  readonly connectionsMax: number
  readonly answers: AnswerBudget
  readonly #requestsMax: number
  #connections = 0
  #requests = 0

  constructor({ connectionsMax, requestsMax, answers }: AdmissionOptions) {
    this.connectionsMax = connectionsMax
    this.answers = answers
    this.#requestsMax = requestsMax
  }

  get connections(): number {
    return this.#connections
  }

  get requests(): number {
    return this.#requests
  }

  /** Why there is no room; undefined when a place was taken, which `leaveConnection` gives back. */
  enterConnection(): Refusal | undefined {
    if (this.#connections >= this.connectionsMax) return new Refusal('overloaded', 'Too many connections are open.')
    this.#connections++
    return undefined
  }

  leaveConnection(): void {
    this.#connections--
  }

  /** Why there is no room; undefined when a place was taken, which `leaveRequest` gives back. */
  enterRequest(): Refusal | undefined {
    if (this.#requests >= this.#requestsMax) return new Refusal('overloaded', 'Too many requests are open.')
    if (this.answers.full) return new Refusal('overloaded', 'Too many answers wait for slow clients.')
    this.#requests++
    return undefined
  }

  leaveRequest(): void {
    this.#requests--
  }
}
