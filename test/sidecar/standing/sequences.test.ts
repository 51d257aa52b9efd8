// Whatever comes, in whatever order: a few things hold always. Each run is drawn from a seed, and a failure names it.
import { expect, test } from '@jest/globals'
import type { CircuitBreakerConfig, Operation, RetryBudgetConfig } from '../../../contract/sidecar-config.ts'
import type { CircuitChange } from '../../../sidecar/standing/circuit.ts'
import type { CircuitState, Verdict } from '../../../sidecar/standing/circuit-breaker.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import {
  type AttemptPermit,
  ProviderStanding,
  type StandingConfig,
} from '../../../sidecar/standing/provider-standing.ts'
import { RetryBudget } from '../../../sidecar/standing/retry-budget.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'

const OPERATIONS: readonly Operation[] = ['Chat', 'Embeddings']
const VERDICTS: readonly Verdict[] = ['Success', 'Failure', 'Failure', 'Neutral']
/** Chains of states that make sense. */
const CHANGES = ['Closed > Open', 'Open > HalfOpen', 'Open > Closed', 'HalfOpen > Open', 'HalfOpen > Closed']
const STEPS = 40

/** Calls `run` with so many seeds; fails with the first that finds something. */
function forAll(runs: number, run: (random: Random) => string[]): void {
  for (let seed = 0; seed < runs; seed++) {
    const problems = run(seeded(seed))
    if (problems.length > 0) throw new Error(`seed ${seed}: ${problems.join('; ')}`)
  }
}

function randomCircuitBreaker(random: Random): CircuitBreakerConfig {
  return {
    consecutiveFailures: below(random, 5),
    errorPercent: pick(random, [0, 1, 50, 100]),
    minRequests: 1 + below(random, 10),
    windowMs: pick(random, [1, 1000, 30_000]),
    openForMs: pick(random, [1, 500, 15_000]),
    probes: 1 + below(random, 3),
  }
}

function randomConfig(random: Random): StandingConfig {
  return { id: 'ai/a', circuitBreaker: randomCircuitBreaker(random), retryBudget: { percent: 20, minPerSecond: 0 } }
}

interface Attempt {
  readonly operation: Operation
  readonly permit: AttemptPermit
  readonly kind: 'Closed' | 'Probe' | 'Forced'
  /** How often the circuit had opened when it began. */
  readonly epoch: number
  first: boolean
}

class Run {
  readonly problems: string[] = []
  readonly #random: Random
  readonly #standing: ProviderStanding
  readonly #attempts: Attempt[] = []
  readonly #states = new Map<Operation, CircuitState>()
  readonly #opened = new Map<Operation, number>()
  #config: StandingConfig
  #changes = 0
  #nowMs: number

  constructor(random: Random) {
    this.#random = random
    this.#nowMs = random() * 1e6
    this.#config = randomConfig(random)
    this.#standing = new ProviderStanding(this.#config, random, {
      onCircuit: (change) => this.#noteChange(change),
      onHealth: () => {},
    })
  }

  go(): string[] {
    for (let i = 0; i < STEPS; i++) this.#step()
    for (const attempt of this.#attempts.splice(0)) this.#end(attempt)
    this.#expect(this.#standing.inFlight === 0, () => `${this.#standing.inFlight} are in flight in the end`)
    // Eleven times the longest, and nothing is under way: whoever was left alone is asked again.
    this.#nowMs += 165_000
    this.#standing.setHealth('Healthy', 'x', this.#nowMs)
    for (const operation of OPERATIONS) {
      this.#expect(this.#standing.circuit(operation, this.#nowMs) !== 'Open', () => `${operation} stays open`)
      this.#expect(this.#standing.blocked(operation, this.#nowMs) === undefined, () => `${operation} stays blocked`)
      this.#expect(
        this.#standing.begin(operation, 'Healthy', this.#nowMs) !== undefined,
        () => `${operation} lets nobody in`,
      )
    }
    return this.problems
  }

  #step(): void {
    const chance = this.#random()
    const at = below(this.#random, this.#attempts.length)
    if (chance < 0.45) this.#begin()
    else if (chance < 0.55) this.#firstByte(this.#attempts[at])
    else if (chance < 0.85) this.#end(this.#attempts.splice(at, 1)[0])
    else if (chance < 0.97) this.#nowMs += this.#random() ** 4 * 40_000
    else if (chance < 0.98) this.#standing.setHealth(pick(this.#random, ['Healthy', 'Unhealthy']), 'x', this.#nowMs)
    else if (chance < 0.99) this.#configure()
    else this.#report()
    this.#expect(this.#standing.inFlight === this.#attempts.length, () => `${this.#standing.inFlight} are in flight`)
  }

  #begin(): void {
    const operation = pick(this.#random, OPERATIONS)
    const mode = pick(this.#random, ['Healthy', 'Healthy', 'Healthy', 'Panic'] as const)
    const blocked = this.#standing.blocked(operation, this.#nowMs)
    const permit = this.#standing.begin(operation, mode, this.#nowMs)
    const expected = mode === 'Panic' || blocked === undefined
    this.#expect((permit !== undefined) === expected, () => `${mode} ${operation} while ${blocked}`)
    if (permit === undefined) return
    const { kind } = permit.permit
    this.#attempts.push({ operation, permit, kind, epoch: this.#epoch(operation), first: false })
    if (kind !== 'Probe') return
    const probes = this.#attempts.filter((one) => one.operation === operation && one.kind === 'Probe' && !one.first)
    this.#expect(probes.length <= this.#config.circuitBreaker.probes, () => `${probes.length} probes are under way`)
  }

  #firstByte(attempt: Attempt | undefined): void {
    if (attempt === undefined) return
    this.#unlessStale(attempt, () => this.#standing.firstByte(attempt.permit, this.#random() * 1000, this.#nowMs))
    attempt.first = true
  }

  #end(attempt: Attempt | undefined): void {
    if (attempt === undefined) return
    const verdict = pick(this.#random, VERDICTS)
    if (this.#random() < 0.3) this.#standing.gaveUp(attempt.permit, this.#nowMs)
    this.#unlessStale(attempt, () => this.#standing.end(attempt.permit, verdict, this.#nowMs))
    // Who ends it twice spoils nothing.
    if (this.#random() < 0.1) this.#standing.end(attempt.permit, verdict, this.#nowMs)
  }

  /** What began before the circuit opened must not change its state. */
  #unlessStale({ operation, epoch }: Attempt, act: () => void): void {
    const [before, stale] = [this.#changes, epoch !== this.#epoch(operation)]
    act()
    this.#expect(!stale || this.#changes === before, () => `${operation} changed by what began earlier`)
  }

  #configure(): void {
    this.#config = randomConfig(this.#random)
    this.#standing.configure({
      ...this.#config,
      ...(this.#random() < 0.5 && {
        healthCheck: { path: '/', intervalMs: 1, timeoutMs: 1, unhealthyThreshold: 1, healthyThreshold: 1 },
      }),
    })
  }

  #report(): void {
    const report = this.#standing.report(this.#nowMs)
    const odd = /null|-\d/.exec(JSON.stringify(report))
    this.#expect(odd === null, () => `the report says ${JSON.stringify(report)}`)
  }

  #noteChange({ operation, from, to, why }: CircuitChange): void {
    this.#changes++
    this.#expect(from === (this.#states.get(operation) ?? 'Closed'), () => `${operation} changed from ${from}`)
    this.#expect(CHANGES.includes(`${from} > ${to}`), () => `${from} > ${to}`)
    this.#expect(why !== '', () => `${from} > ${to} without a reason`)
    this.#states.set(operation, to)
    if (to === 'Open') this.#opened.set(operation, this.#epoch(operation) + 1)
  }

  #epoch(operation: Operation): number {
    return this.#opened.get(operation) ?? 0
  }

  #expect(holds: boolean, otherwise: () => string): void {
    if (!holds) this.problems.push(otherwise())
  }
}

test('20000 runs: nothing stays in flight, probes are bounded, no circuit stays open, stale news changes none', () => {
  forAll(20_000, (random) => new Run(random).go())
})

/** Most retries that these requests of the last ten seconds allow. */
function allowance({ percent, minPerSecond }: RetryBudgetConfig, requests: number): number {
  return (percent * requests) / 100 + minPerSecond * 10
}

test('2000 runs: of ten seconds that end with a retry, retries are never more than share and minimum', () => {
  forAll(2000, (random) => {
    const config = { percent: pick(random, [0, 7, 20, 100]), minPerSecond: pick(random, [0, 1, 3]) }
    const budget = new RetryBudget(config)
    const [requests, retries]: [number[], number[]] = [[], []]
    let nowMs = random() * 1e6
    for (let i = 0; i < 120; i++) {
      nowMs += random() ** 8 * 15_000
      budget.noteRequest(nowMs)
      requests.push(nowMs)
      for (let tries = below(random, 4); tries > 0; tries--) if (budget.tryTake(nowMs)) retries.push(nowMs)
      const lately = (times: readonly number[]) => times.filter((at) => at > nowMs - 10_000).length
      const limit = allowance(config, lately(requests))
      // Without a retry just now the share may be of requests that are older.
      if (retries.at(-1) === nowMs && lately(retries) > limit) return [`${lately(retries)} retries, ${limit} allowed`]
    }
    return []
  })
})

test('2000 runs: a key is never blocked for ever, and what it is blocked for is told', () => {
  forAll(2000, (random) => {
    const problems: string[] = []
    const standing = new CredentialStanding(random, ({ forMs, state }) => {
      if ((forMs === 0) !== (state === 'InUse') || forMs > 3_600_000) problems.push(`${state} for ${forMs} ms`)
    })
    const models = ['', 'a', 'b', 'c']
    let nowMs = random() * 1e6
    for (let i = 0; i < 50; i++) {
      const model = pick(random, models)
      const chance = random()
      if (chance < 0.15) standing.refused(pick(random, [401, 402, 403] as const), model, nowMs)
      else if (chance < 0.2) standing.quotaExhausted(nowMs)
      else if (chance < 0.35) standing.rateLimited(model, pick(random, [undefined, random() * 1e5, 1e12]), nowMs)
      else if (chance < 0.5) standing.succeeded(model, nowMs)
      else if (chance < 0.7 && standing.blocked(model, nowMs) === undefined) standing.used(model, nowMs)
      else nowMs += random() ** 4 * 1e6
      const { untilMs = nowMs } = standing.blocked(model, nowMs) ?? {}
      if (untilMs - nowMs > 3_600_001) problems.push(`blocked for ${untilMs - nowMs} ms`)
      if (/null/.test(JSON.stringify(standing.report(nowMs)))) problems.push('a report with null')
    }
    nowMs += 3_600_001
    const blocked = models.filter((model) => standing.blocked(model, nowMs) !== undefined)
    return blocked.length === 0 ? problems : [...problems, `${blocked} blocked for ever`]
  })
})

test('a run that breaks a rule would be noticed', () => {
  expect(() => forAll(3, (random) => (random() < 2 ? ['broken'] : []))).toThrow('seed 0: broken')
})
