// Whose turn it is: the plan of one request, walked while its attempts fail.
//
// In: the plan, the rule's policy, and what became of each attempt. Out: which backend is asked next and after what wait, or that
// it is enough. Another key of the same provider comes first, where it was the key that was refused or limited and enough attempts
// are left for the others; then every backend that was not asked yet, at once, those that look ill last; then those that were,
// after a random back-off or as long as they said, each within its provider's retry budget. Slots and keys are taken when the
// wait is over, since much can have changed by then. It sends nothing and waits for nothing.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { Backend, Provider } from '../config/runtime.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { isOfHealth, type Obstacle, type Plan, type PlanView, plan } from '../request/plan.ts'
import { attemptsLeft, backoffMs, isWorthAnother } from '../request/retry.ts'
import { type Attempt, attemptOf, type Choice } from '../request/route.ts'
import type { AttemptPermit, ProviderStanding } from '../standing/provider-standing.ts'
import type { Standings } from '../standing/standings.ts'
import { type AttemptRecord, createAttempt, createSkipped, type SkipWord } from '../telemetry/attempt-record.ts'
import { addAttempt, addSkipped, firstSentAt, type RequestRecord } from '../telemetry/request-record.ts'
import { Credential, type Credentials, type NoCredential } from '../upstream/credentials.ts'
import type { LimitWord } from './allowance.ts'
import type { FailedAttempt } from './failed-attempt.ts'

export interface TurnsOptions {
  choice: Choice
  request: DecodedRequest
  credentials: Credentials
  record: RequestRecord
  standings: Pick<Standings, 'of'>
  /** In [0, 1). */
  random(): number
  /** Monotonic milliseconds. */
  now(): number
}

/** A backend's part in this request. */
interface Seat {
  readonly attempt: Attempt
  tries: number
  /** Not before; monotonic milliseconds. */
  readyAt: number
  givenUp: boolean
  readonly mode: Plan['mode']
}

export interface Turn {
  readonly seat: Seat
  readonly waitMs: number
  readonly why: string
}

/** A turn with what it takes to send it. The permit must be given back; of the key nothing is taken until it is used. */
export interface Taken {
  readonly seat: Seat
  readonly attempt: Attempt
  readonly record: AttemptRecord
  readonly credential: Credential
  readonly standing: ProviderStanding
  readonly permit: AttemptPermit
}

export class Turns implements PlanView {
  readonly plan: Plan
  readonly #options: TurnsOptions
  readonly #operation: Operation
  readonly #seats: readonly Seat[]
  #left: number
  #at = 0
  #failed: { seat: Seat; end: FailedAttempt } | undefined
  /** What stood in the way of backends that were passed over. */
  readonly obstacles: Obstacle[] = []
  /** The soonest that a provider said it can be asked again; monotonic milliseconds. */
  toldUntilMs: number | undefined

  constructor(options: TurnsOptions) {
    const { choice, request, record } = options
    this.#options = options
    this.#operation = request.operation
    this.plan = plan(choice, this)
    // Those that look ill come last: a request that has failed everywhere else is served better by them than by a refusal.
    const ill = this.plan.leftOut.filter(({ obstacle }) => isOfHealth(obstacle)).map(({ backend }) => backend)
    this.#seats = [
      ...this.plan.backends.map((backend) => createSeat(attemptOf(backend, choice.model), this.plan.mode)),
      ...ill.map((backend) => createSeat(attemptOf(backend, choice.model), 'Panic')),
    ]
    this.#left = choice.retry.attempts
    for (const { backend, obstacle } of this.plan.leftOut) {
      this.obstacles.push(obstacle)
      addSkipped(record, this.#skipped(backend, obstacle.kind, untilText(obstacle, options.now())))
    }
  }

  /** See PlanView, as the three below. */
  obstacle(backend: Backend): Obstacle | undefined {
    const { standings, now } = this.#options
    const nowMs = now()
    const blocked = standings.of(backend.provider).blocked(this.#operation, nowMs)
    if (blocked !== undefined) return { kind: blocked, untilMs: undefined }
    const lacking = this.#lacking(attemptOf(backend, this.#options.choice.model), nowMs)
    return lacking && obstacleOf(lacking)
  }

  inFlight(provider: Provider): number {
    return this.#options.standings.of(provider).inFlight
  }

  timeToFirstByteMs(provider: Provider): number {
    return this.#options.standings.of(provider).timeToFirstByteMs(this.#operation, this.#options.now())
  }

  random(): number {
    return this.#options.random()
  }

  /** Undefined: it is enough. */
  next(): Turn | undefined {
    if (this.#left <= 0) return undefined
    return this.#withAnotherKey() ?? this.#withAnotherBackend() ?? this.#again()
  }

  /** A limit leaves no room for it. */
  passOver({ seat }: Turn, word: LimitWord): undefined {
    return this.#giveUp(seat, word)
  }

  /** Undefined when the backend cannot be asked after all; then there may be a next one. */
  take({ seat, waitMs, why }: Turn): Taken | undefined {
    const { credentials, record, random, now, standings } = this.#options
    const { attempt } = seat
    const { provider } = attempt
    const nowMs = now()
    const standing = standings.of(provider)
    const credential = credentials.pick(provider, attempt.model, nowMs, random)
    if (!(credential instanceof Credential)) {
      const obstacle = obstacleOf(credential)
      this.obstacles.push(obstacle)
      return this.#giveUp(seat, obstacle.kind)
    }
    const circuit = standing.circuit(this.#operation, nowMs)
    const permit = standing.begin(this.#operation, this.#mode(seat), nowMs, seat.tries === 0 ? 'First' : 'Again')
    if (permit === undefined) return this.#giveUp(seat, 'CircuitOpen')
    seat.tries++
    const chosen = { provider, model: attempt.model, circuit, why }
    const attemptRecord = createAttempt(chosen, { credential: credential.name, waitedMs: waitMs }, nowMs)
    addAttempt(record, attemptRecord)
    return { seat, attempt, record: attemptRecord, credential, standing, permit }
  }

  /** Must be told of each attempt that failed before the next one is asked for. */
  failed({ seat, record }: Taken, end: FailedAttempt): void {
    const { choice, request, record: total, random, now } = this.#options
    const { retry } = choice
    // Not before it matters: few requests come here.
    this.#left = attemptsLeft(retry, request.head.rawHeaders) - total.attempts
    const { status } = record
    if (!isWorthAnother({ reason: end.reason, status }, retry, request)) this.#left = 0
    const nowMs = now()
    const { retryAfterMs } = end
    seat.readyAt = nowMs + (retryAfterMs ?? backoffMs(retry.backoff, seat.tries, random))
    if (retryAfterMs !== undefined)
      this.toldUntilMs = Math.min(this.toldUntilMs ?? Number.POSITIVE_INFINITY, seat.readyAt)
    this.#failed = { seat, end }
  }

  /** A provider that refuses one key, or has had enough of it, has not failed. */
  #withAnotherKey(): Turn | undefined {
    if (this.#failed === undefined || this.#failed.end.credential === 'Fine') return undefined
    const { seat, end } = this.#failed
    // Told to wait for no time at all, the same key is free at once: asking again is a retry like any other.
    if (end.retryAfterMs === 0) return undefined
    // What is left is enough for the backends that were not asked yet, and no more.
    if (this.#left <= this.#seats.filter(({ tries, givenUp }) => tries === 0 && !givenUp).length) return undefined
    if (seat.givenUp || this.#lacking(seat.attempt, this.#options.now()) !== undefined) return undefined
    return { seat, waitMs: 0, why: `another credential after ${whatHappened(end)}` }
  }

  #withAnotherBackend(): Turn | undefined {
    while (this.#at < this.#seats.length) {
      const seat = this.#seats[this.#at++] as Seat
      if (seat.givenUp || seat.tries > 0) continue
      const why = this.#failed === undefined ? seat.attempt.backend.share : `after ${whatHappened(this.#failed.end)}`
      return { seat, waitMs: 0, why }
    }
    return undefined
  }

  /** Whichever can be asked soonest. */
  #again(): Turn | undefined {
    if (this.#failed === undefined) return undefined
    for (const seat of this.#seats.toSorted((a, b) => a.readyAt - b.readyAt)) {
      if (seat.givenUp) continue
      const nowMs = this.#options.now()
      const waitMs = Math.max(0, seat.readyAt - nowMs)
      const problem = this.#whyNotAgain(seat, waitMs, nowMs)
      if (problem === undefined) return { seat, waitMs, why: `again after ${whatHappened(this.#failed.end)}` }
      this.#giveUp(seat, problem)
    }
    return undefined
  }

  #whyNotAgain({ attempt }: Seat, waitMs: number, nowMs: number): SkipWord | undefined {
    const { choice, record, standings } = this.#options
    if (waitMs > choice.retry.backoff.maxMs) return 'RetryAfterTooLong'
    if (nowMs + waitMs >= firstSentAt(record) + attempt.backend.timeouts.totalMs) return 'NoTimeLeft'
    const lacking = this.#lacking(attempt, nowMs)
    const beyond = lacking !== undefined && (lacking.untilMs ?? Number.POSITIVE_INFINITY) > nowMs + waitMs
    if (beyond && !lacking.guessed) return obstacleOf(lacking).kind
    return standings.of(attempt.provider).retryBudget.tryTake(nowMs) ? undefined : 'RetryBudgetSpent'
  }

  #lacking({ provider, model }: Attempt, nowMs: number): NoCredential | undefined {
    return this.#options.credentials.lacking(provider, model, nowMs)
  }

  #giveUp(seat: Seat, word: SkipWord): undefined {
    seat.givenUp = true
    addSkipped(this.#options.record, this.#skipped(seat.attempt.backend, word, ''))
    return undefined
  }

  #skipped({ provider, model }: Backend, word: SkipWord, more: string): AttemptRecord {
    const nowMs = this.#options.now()
    const circuit = this.#options.standings.of(provider).circuit(this.#operation, nowMs)
    return createSkipped({ provider, model, circuit, why: `${SKIPPED[word]}${more}` }, word, nowMs)
  }

  /** The last one that is left is asked whatever its health. */
  #mode(seat: Seat): Plan['mode'] {
    const lastHope =
      this.#options.record.attempts === 0 && this.#seats.every((other) => other === seat || other.givenUp)
    return lastHope ? 'Panic' : seat.mode
  }
}

function createSeat(attempt: Attempt, mode: Plan['mode']): Seat {
  return { attempt, tries: 0, readyAt: 0, givenUp: false, mode }
}

const SKIPPED: Readonly<Record<SkipWord, string>> = {
  CircuitOpen: 'its circuit is open',
  Unhealthy: 'its health check fails',
  Throttled: 'it has just refused for its limits',
  CredentialsSetAside: 'its credentials were refused',
  RateLimited: 'it said to wait',
  CredentialMissing: 'its credential cannot be read',
  RetryBudgetSpent: 'its retry budget is spent',
  RetryAfterTooLong: 'it said to wait for longer than the route does',
  NoTimeLeft: 'the total timeout comes first',
  LimitReached: 'a limit is reached',
  BudgetExhausted: 'a budget is used up',
  BudgetFallback: 'a budget is used up, and another backend is cheaper',
  PriceUnknown: 'the price of its model is unknown',
}

const OBSTACLES: Readonly<Record<NoCredential['state'], Obstacle['kind']>> = {
  Missing: 'CredentialMissing',
  SetAside: 'CredentialsSetAside',
  CoolingDown: 'RateLimited',
}

function obstacleOf({ state, guessed, untilMs }: NoCredential): Obstacle {
  return { kind: guessed ? 'Throttled' : OBSTACLES[state], untilMs }
}

function untilText({ untilMs }: Obstacle, nowMs: number): string {
  return untilMs === undefined ? '' : ` for another ${Math.max(1, Math.ceil((untilMs - nowMs) / 1000))} s`
}

function whatHappened({ code, answer, refusal }: FailedAttempt): string {
  if (answer !== undefined) return `a ${answer.status}`
  return refusal?.code ?? code ?? 'a failure'
}
