// `Limits` the naive way: counts by row and team, the shares of an instance called `me`, and no memory of anything but that.
import type { LimitShares } from '../../../contract/limit-shares.ts'
import type { Demand } from '../../../sidecar/limits/demand.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { ModelCount, type ModelShortage } from './model-count.ts'

/** What a row makes of a demand. */
export interface Verdict {
  readonly count: ModelCount
  readonly amount: number
  /** Undefined: it fits. */
  readonly shortage: ModelShortage | undefined
}

export class ModelLimits {
  /** By row identity, then team. */
  readonly #counts = new Map<string, Map<string, ModelCount>>()
  /** By row identity, as declared last: what a request with an older version of the row meets. */
  readonly #declared = new Map<string, CountedRow>()
  readonly #startedAtMs: number
  /** The wall's time at a monotonic moment. */
  readonly #wallMs: (nowMs: number) => number
  #granted: LimitShares | undefined
  /** By row id, the most that an earlier process was granted. */
  readonly #inherited = new Map<string, number>()

  constructor(startedAtMs: number, wallMs: (nowMs: number) => number) {
    this.#startedAtMs = startedAtMs
    this.#wallMs = wallMs
  }

  /** Time has passed, or the wall's clock was set. */
  look(nowMs: number): void {
    for (const count of this.#all()) count.look(nowMs, this.#wallMs(nowMs))
  }

  adopt(rows: readonly CountedRow[]): void {
    for (const row of rows) {
      this.#declared.set(row.identity, row)
      for (const count of this.#teamsOf(row).values()) count.configure(row, this.#capacityOf(row))
    }
    const adopted = new Set(rows.map(({ identity }) => identity))
    for (const [identity, teams] of this.#counts) {
      if (!adopted.has(identity) && [...teams.values()].every(({ isIdle }) => isIdle)) this.#counts.delete(identity)
    }
  }

  assign(granted: LimitShares | undefined): void {
    this.#granted = granted
    for (const count of this.#all()) {
      const before = this.#inheritedOf(count.row)
      count.configure(count.row, this.#capacityOf(count.row))
      const after = Math.max(before, granted?.instance === 'me' ? 0 : (granted?.shares[count.row.id] ?? 0))
      if (isShared(count.row) && count.row.span.type !== 'Open' && after > before) count.take(after - before, 'Settled')
    }
    if (granted === undefined || granted.instance === 'me') return
    for (const [id, share] of Object.entries(granted.shares)) {
      this.#inherited.set(id, Math.max(share, this.#inherited.get(id) ?? 0))
    }
  }

  /** In the order of the rows. */
  decide(rows: readonly CountedRow[], team: string, demand: Demand, nowMs: number): Verdict[] {
    return rows.map((row) => {
      const count = this.#countOf(this.#declared.get(row.identity) ?? row, row.per.length === 0 ? '' : team, nowMs)
      const expected = expectedOf(row, demand)
      const least = demand.least && Math.max(1, count.left, expectedOf(row, demand.least))
      const amount = least === undefined || count.isOpen ? expected : Math.min(expected, least)
      return { count, amount, shortage: count.shortage(amount) }
    })
  }

  /** The largest count of each row, in the order of the rows; 0 for what nobody has asked for. */
  used(rows: readonly CountedRow[]): number[] {
    return rows.map((row) => Math.max(0, ...[...this.#teamsOf(row).values()].map(({ used }) => used)))
  }

  #countOf(row: CountedRow, team: string, nowMs: number): ModelCount {
    const teams = this.#teamsOf(row)
    const known = teams.get(team)
    if (known !== undefined) return known
    const count = new ModelCount(row, this.#capacityOf(row))
    count.look(this.#startedAtMs, this.#wallMs(this.#startedAtMs))
    count.take(this.#inheritedOf(row), 'Settled')
    count.look(nowMs, this.#wallMs(nowMs))
    teams.set(team, count)
    return count
  }

  #teamsOf(row: CountedRow): Map<string, ModelCount> {
    const teams = this.#counts.get(row.identity) ?? new Map<string, ModelCount>()
    this.#counts.set(row.identity, teams)
    return teams
  }

  #all(): ModelCount[] {
    return [...this.#counts.values()].flatMap((teams) => [...teams.values()])
  }

  #capacityOf(row: CountedRow): number {
    return isShared(row) ? Math.min(row.limit, this.#granted?.shares[row.id] ?? 0) : row.limit
  }

  #inheritedOf(row: CountedRow): number {
    return isShared(row) && row.span.type !== 'Open' ? (this.#inherited.get(row.id) ?? 0) : 0
  }
}

function isShared(row: CountedRow): boolean {
  return row.scope !== 'Pod'
}

/** Of what is a guess, no more than the whole limit is ever held. */
function expectedOf({ what, limit }: CountedRow, { inputTokens, outputTokens, costPicoUsd }: Demand): number {
  const both = inputTokens + outputTokens
  const tokens = { Tokens: inputTokens > limit ? inputTokens : Math.min(both, limit), InputTokens: inputTokens }
  const guessed = { OutputTokens: Math.min(outputTokens, limit), Cost: Math.min(costPicoUsd, limit) }
  return { ...tokens, ...guessed, Requests: 1, Concurrency: 1 }[what]
}
