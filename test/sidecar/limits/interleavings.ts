// One random life of `Limits`: takings, settlements, aborts, reloads, shares, clocks that are set, in any order, beside the naive model.
// What differs, or breaks what must hold always, is a problem.
import type { LimitConfig } from '../../../contract/limit-config.ts'
import type { LimitShares } from '../../../contract/limit-shares.ts'
import { type Demand, NOTHING_SENT } from '../../../sidecar/limits/demand.ts'
import { Grant, type Reached } from '../../../sidecar/limits/grant.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { below, pick, type Random } from '../../support/random.ts'
import type { Entry, ModelCount } from './model-count.ts'
import { ModelLimits, type Verdict } from './model-limits.ts'
import { budgetRow, demandOf, limitRow, valuesOf, WINDOW_MS } from './rows.ts'

const STEPS = 60
const TEAMS = ['a', 'b', 'c']
const STARTED_AT_MS = 5_000_000
const WALL_START_MS = Date.UTC(2026, 10, 21)
/** Clocks are set by less than the period of the budgets, an hour. */
const WALL_SET_MAX_MS = 20 * 60_000
/** Passes everything: windows, the hour, whatever the clock was set to. */
const QUIET_MS = 3 * 3_600_000

/** Limits by which, with shares in steps of 125, all that refills by the millisecond is exact in binary. */
const LIMITS = [1000, 2000, 5000]
const BURSTS = [200, 400, 1000]
const SHARE_STEP = 125

/** The rows that a document may have. Limits, bursts and modes are drawn anew with each reload. */
const ROWS: readonly ((random: Random) => CountedRow)[] = [
  (random) => limitRow({ ...drawMode(random), name: 'rpm', limit: 1 + below(random, 8) }),
  (random) =>
    limitRow({
      ...drawMode(random),
      ...drawBurst(random),
      name: 'tpm',
      what: 'Tokens',
      scope: 'Workload',
      ...drawLimit(random),
    }),
  (random) =>
    limitRow({
      ...drawMode(random),
      name: 'team',
      what: 'OutputTokens',
      per: [{ type: 'Header', name: 'x-team' }],
      ...drawLimit(random),
    }),
  (random) =>
    limitRow({
      ...drawMode(random),
      name: 'open',
      what: 'Concurrency',
      scope: 'Workload',
      limit: 1 + below(random, 5),
    }),
  (random) =>
    budgetRow({
      ...drawMode(random),
      name: 'hour',
      amountPicoUsd: pick(random, LIMITS),
      period: { type: 'Calendar', unit: 'Hour', timeZone: 'Asia/Kolkata' },
      scope: 'Namespace',
    }),
  (random) =>
    budgetRow({
      ...drawMode(random),
      name: 'rolling',
      amountPicoUsd: pick(random, LIMITS),
      period: { type: 'Rolling', windowMs: 2 * WINDOW_MS },
      onExhausted: pick(random, ['Reject', 'Reject', 'Fallback']),
    }),
]

interface OpenGrant {
  readonly grant: Grant
  readonly taken: readonly (readonly [ModelCount, Entry])[]
}

/** What went wrong; nothing, it is hoped. */
export function problemsOfLife(random: Random): string[] {
  return new Life(random).run()
}

class Life {
  readonly #problems: string[] = []
  readonly #random: Random
  readonly #limits: Limits
  readonly #model: ModelLimits
  readonly #open: OpenGrant[] = []
  #rows: CountedRow[] = []
  #nowMs = STARTED_AT_MS
  #wallSetMs = 0
  #version = 0

  constructor(random: Random) {
    this.#random = random
    const wallClock = (nowMs: number) => WALL_START_MS + nowMs + this.#wallSetMs
    this.#limits = new Limits(createLocalSource({ wallClock }), new Shares('Assigned', 'me', STARTED_AT_MS, wallClock))
    this.#model = new ModelLimits(STARTED_AT_MS, wallClock)
  }

  run(): string[] {
    this.#reload()
    this.#share()
    for (let step = 0; step < STEPS && this.#problems.length === 0; step++) {
      this.#step()
      this.#compareUse()
    }
    if (this.#problems.length === 0) this.#end()
    return this.#problems
  }

  #step(): void {
    const draw = this.#random()
    if (draw < 0.45) this.#take()
    else if (draw < 0.68) this.#settle()
    else if (draw < 0.87) this.#pass(this.#drawMs())
    else if (draw < 0.92) this.#reload()
    else if (draw < 0.97) this.#share()
    else this.#setWall(below(this.#random, 2 * WALL_SET_MAX_MS) - WALL_SET_MAX_MS)
  }

  #take(): void {
    const team = pick(this.#random, TEAMS)
    const rows = this.#rows.filter(() => this.#random() < 0.6)
    const demand = this.#drawDemand(pick(this.#random, [100, 400, 400, 400, 400, 1000, 1000, 6000]))
    const verdicts = this.#model.decide(rows, team, demand, this.#nowMs)
    const answer = this.#limits.take(rows, valuesOf([`x-team: ${team}`]), demand, this.#nowMs)
    if (answer instanceof Grant) this.#noteGrant(answer, verdicts)
    else this.#checkRefusal(answer as Reached, verdicts)
  }

  #noteGrant(grant: Grant, verdicts: readonly Verdict[]): void {
    const taken = verdicts.map(({ count, amount }) => [count, count.take(amount)] as const)
    this.#open.push({ grant, taken })
    const refusing = verdicts.filter(({ count }) => refuses(count.row))
    this.#expect(
      refusing.every(({ shortage }) => shortage === undefined),
      'was admitted without room',
    )
    const over = refusing.filter(({ count, amount }) => amount > 0 && count.usedInWindow > count.capacity)
    this.#expect(over.length === 0, `was admitted beyond ${over.map(({ count }) => count.row.name)}`)
    const shadowed = verdicts.filter(({ count, shortage }) => count.row.mode === 'Shadow' && shortage !== undefined)
    this.#expect(
      `${grant.shadowed.map(({ row }) => row.name)}` === `${shadowed.map(({ count }) => count.row.name)}`,
      `${grant.shadowed.length} rows in Shadow told, not ${shadowed.length}`,
    )
  }

  #checkRefusal({ row, shortage }: Reached, verdicts: readonly Verdict[]): void {
    const refusing = verdicts.filter(({ count }) => refuses(count.row))
    const longestMs = Math.max(-1, ...refusing.map((verdict) => verdict.shortage?.retryAfterMs ?? -1))
    // A bucket's wait is a quotient, and rounded.
    const isSame = shortage.retryAfterMs === longestMs || Math.abs(shortage.retryAfterMs - longestMs) < 1e-6
    this.#expect(isSame, `${row.name} refused for ${shortage.retryAfterMs} ms, not ${longestMs}`)
    const own = verdicts.find(({ count }) => count.row.name === row.name)
    this.#expect(own?.shortage?.kind === shortage.kind, `${row.name} has room, or ${shortage.kind} is wrong`)
  }

  /** One that was sent, whatever it used; one that failed and cost nothing; one that was never sent. And sometimes twice. */
  #settle(): void {
    const [settled] = this.#open.splice(below(this.#random, this.#open.length), 1)
    if (settled === undefined) return
    const used = this.#drawDemand(pick(this.#random, [50, 400, 2000]))
    const actual = pick(this.#random, [used, used, demandOf(0), NOTHING_SENT])
    settled.grant.settle(actual, this.#nowMs)
    for (const [count, entry] of settled.taken) count.settle(entry, remains(count.row, actual))
    if (this.#random() < 0.2) settled.grant.settle(used, this.#nowMs)
  }

  #reload(): void {
    const rows = ROWS.map((draw) => draw(this.#random)).filter(() => this.#random() < 0.9)
    // A request keeps the rows that it began with: the same counts, as declared now.
    const older = this.#rows.filter(({ identity }) => rows.some((row) => row.identity === identity))
    this.#limits.adopt(rows, this.#nowMs)
    this.#model.adopt(rows)
    this.#rows = rows.map((row) => (this.#random() < 0.2 ? older.find(({ id }) => id === row.id) : undefined) ?? row)
  }

  #share(): void {
    const shares = Object.fromEntries(this.#rows.map(({ id }) => [id, SHARE_STEP * below(this.#random, 17)]))
    const granted: LimitShares = { instance: pick(this.#random, ['me', 'me', 'it']), version: ++this.#version, shares }
    const assigned = this.#random() < 0.1 ? undefined : granted
    this.#limits.assign(assigned, this.#nowMs)
    this.#model.assign(assigned)
  }

  /** Only while somebody looks at it: nobody can know of a time that came and went unseen. */
  #setWall(ms: number): void {
    if (this.#rows.every(({ span }) => span.type !== 'Calendar')) return
    this.#wallSetMs = ms
    this.#model.look(this.#nowMs)
  }

  #pass(ms: number): void {
    this.#nowMs += ms
    this.#model.look(this.#nowMs)
  }

  #drawMs(): number {
    const spans = [1, 999, 1000, 10_000, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1000, 2_000_000]
    return this.#random() < 0.5 ? pick(this.#random, spans) : below(this.#random, 20_000)
  }

  #drawDemand(amountMax: number): Demand {
    const draw = () => below(this.#random, amountMax)
    const demand = demandOf(draw(), draw(), draw())
    if (this.#random() > 0.2) return demand
    const { inputTokens, costPicoUsd } = demand
    return { ...demand, least: demandOf(inputTokens, 0, below(this.#random, costPicoUsd + 1)) }
  }

  #compareUse(): void {
    const reports = this.#limits.reports(this.#nowMs)
    const expected = this.#model.used(reports.map(({ row }) => row))
    reports.forEach(({ row, used }, i) => {
      this.#expect(used === expected[i], `${row.name} has counted ${used}, not ${expected[i]}`)
    })
    this.#expect(this.#limits.open === this.#open.length, `${this.#limits.open} grants open, not ${this.#open.length}`)
  }

  /** Everything ends; after a quiet time nothing is counted, and all of every limit can be taken again. */
  #end(): void {
    for (const { grant } of this.#open.splice(0)) grant.settle(NOTHING_SENT, this.#nowMs)
    this.#expect(this.#limits.open === 0, `${this.#limits.open} grants are open in the end`)
    this.#nowMs += QUIET_MS
    for (const { row, used, capacity } of this.#limits.reports(this.#nowMs)) {
      this.#expect(used === 0, `${row.name} counts ${used} in the end`)
      if (capacity === 0) continue
      const all = row.what === 'Requests' || row.what === 'Concurrency' ? 1 : capacity
      const answer = this.#limits.take([row], valuesOf(['x-team: a']), demandOf(0, all, all), this.#nowMs)
      this.#expect(answer instanceof Grant, `${row.name} has no room for ${all} in the end`)
    }
  }

  #expect(holds: boolean, problem: string): void {
    if (!holds) this.#problems.push(problem)
  }
}

function drawMode(random: Random): Pick<LimitConfig, 'mode'> {
  return { mode: random() < 0.1 ? 'Shadow' : 'Enforce' }
}

function drawLimit(random: Random): Pick<LimitConfig, 'limit'> {
  return { limit: pick(random, LIMITS) }
}

function drawBurst(random: Random): Pick<LimitConfig, 'burst'> {
  return random() < 0.5 ? { burst: pick(random, BURSTS) } : {}
}

function refuses({ mode, onExhausted }: CountedRow): boolean {
  return mode === 'Enforce' && onExhausted === 'Reject'
}

function remains({ what }: CountedRow, actual: Demand): number {
  const { inputTokens, outputTokens, costPicoUsd } = actual
  const tokens = { Tokens: inputTokens + outputTokens, InputTokens: inputTokens, OutputTokens: outputTokens }
  return { ...tokens, Cost: costPicoUsd, Requests: actual === NOTHING_SENT ? 0 : 1, Concurrency: 0 }[what]
}
