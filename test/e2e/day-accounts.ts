// The day's accounts, each by day, provider and model: what the mocks say that they told, and what the sidecar says in each of the
// places where it says it. What is the same must be equal; money is worked out here from the declared prices, in bigints.
import type { PriceConfig } from '../../contract/limit-config.ts'
import type { UsageReport, UsageRow } from '../../contract/usage-report.ts'
import type { Usage } from '../../mock/completion.ts'
import type { Family } from '../support/prometheus-text.ts'
import type { Line } from '../support/sidecar.ts'
import { type MockName, TARGETS, type Target } from './day-document.ts'
import type { Day, MockAnswer, MockRow } from './day-play.ts'

/** In the terms of the sidecar. `costPicoUsd` is 0 for what has no price. */
export interface Account {
  requests: number
  inputTokens: number
  cachedInputTokens: number
  cacheWriteTokens: number
  outputTokens: number
  reasoningTokens: number
  costPicoUsd: bigint
}

/** By `day provider model`. */
export type Accounts = Map<string, Account>

const TOKENS = ['inputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'outputTokens', 'reasoningTokens'] as const
type Tokens = Record<(typeof TOKENS)[number], number>

export const NOTHING: Readonly<Account> = {
  requests: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costPicoUsd: 0n,
}

export function addTo(accounts: Accounts, key: string, more: Partial<Account>, times: 1 | -1 = 1): void {
  const sum = accounts.get(key) ?? { ...NOTHING }
  accounts.set(key, sum)
  sum.requests += times * (more.requests ?? 0)
  for (const name of TOKENS) sum[name] += times * (more[name] ?? 0)
  sum.costPicoUsd += BigInt(times) * (more.costPicoUsd ?? 0n)
}

/** The first less the second. */
export function difference(all: Accounts, part: Accounts): Accounts {
  const rest: Accounts = new Map()
  for (const [key, account] of all) addTo(rest, key, account)
  for (const [key, account] of part) addTo(rest, key, account, -1)
  return withoutNothing(rest)
}

/** The same without the days: what counters know. */
export function overall(accounts: Accounts): Accounts {
  const sum: Accounts = new Map()
  for (const [key, account] of accounts) addTo(sum, key.slice(key.indexOf(' ') + 1), account)
  return sum
}

/** Where nothing was used, some say so and others say nothing. */
function withoutNothing(accounts: Accounts): Accounts {
  return new Map(accounts.entries().filter(([, { requests, inputTokens }]) => requests !== 0 || inputTokens !== 0))
}

/** What the mocks told, of answers that were whole: requests and tokens by their ledgers, cost by what each answer told. */
export function toldWhole({ ledger, answers }: Pick<Day, 'ledger' | 'answers'>): Accounts {
  const accounts: Accounts = new Map()
  for (const row of ledger) addTo(accounts, keyOf(row), countsOf(row.whole))
  for (const answer of answers.filter(({ whole }) => whole)) {
    addTo(accounts, keyOf(answer), { costPicoUsd: costTold(answer) })
  }
  return withoutNothing(accounts)
}

/** By what the declared prices make of it; 0 for what has none. */
function costTold({ mock, model, told }: MockAnswer): bigint {
  const { price } = targetOf(mock, model)
  return told === undefined || price === undefined ? 0n : costOf(countsOf(told), price)
}

function keyOf({ mock, day, model }: Pick<MockRow, 'mock' | 'day' | 'model'>): string {
  const target = targetOf(mock, model)
  return `${day} ${target.provider} ${target.model}`
}

export function targetOf(mock: MockName, upstreamName: string): Target {
  const found = TARGETS.find((target) => target.mock === mock && target.upstreamName === upstreamName)
  if (found === undefined) throw new Error(`nobody should have asked the ${mock} mock for ${upstreamName}`)
  return found
}

/** A single answer is one request. */
function countsOf(told: Usage & { requests?: number }): Tokens & { requests: number } {
  const { requests = 1, inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = told
  return { requests, inputTokens, cachedInputTokens: cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens }
}

/** All tokens of a call at the prices of the highest tier that its whole input is above. */
export function costOf(tokens: Tokens, price: PriceConfig): bigint {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = tokens
  const tier = price.tiers.filter(({ aboveInputTokens }) => inputTokens > aboveInputTokens).at(-1) ?? price
  const billed: [number, number][] = [
    [inputTokens - cachedInputTokens - cacheWriteTokens, tier.inputPicoUsd],
    [cachedInputTokens, tier.cachedInputPicoUsd],
    [cacheWriteTokens, tier.cacheWritePicoUsd],
    [outputTokens - reasoningTokens, tier.outputPicoUsd],
    [reasoningTokens, tier.reasoningPicoUsd],
  ]
  return billed.reduce((sum, [count, picoUsd]) => sum + BigInt(count) * BigInt(picoUsd), 0n)
}

/** What `GET /usage` says, over all routes and rules. */
export function reported({ rows }: Pick<UsageReport, 'rows'>): Accounts {
  const accounts: Accounts = new Map()
  for (const row of rows.filter(({ provider }) => provider !== ''))
    addTo(accounts, rowKey(row), { ...row, ...costIn(row) })
  return withoutNothing(accounts)
}

function rowKey({ day, provider, model }: Pick<UsageRow, 'day' | 'provider' | 'model'>): string {
  return `${day} ${provider} ${model}`
}

/** One attempt, as a line of the access log tells it. */
export interface LoggedAttempt {
  readonly key: string
  readonly provider: string
  readonly model: string
  readonly whole: boolean
  /** The request ended with it. */
  readonly last: boolean
  /** Undefined where nothing is known of what it used. */
  readonly used: Account | undefined
  readonly line: Line
}

/** All that used something, or that ended their request. */
export function attemptsIn(line: Line): LoggedAttempt[] {
  if (line.provider === null) return []
  const day = String(line.time).slice(0, 10)
  const earlier = listOf(line.tries).filter(({ inputTokens }) => inputTokens !== undefined)
  const whole = line.failure === null && Number(line.status) < 400
  const attempt = (told: Line, last: boolean): LoggedAttempt => ({
    key: `${day} ${told.provider} ${told.model}`,
    provider: String(told.provider),
    model: String(told.model),
    whole: whole && last,
    last,
    used: usedIn(told, last),
    line,
  })
  return [...earlier.map((one) => attempt(one, false)), attempt(line, true)]
}

export function logged(attempts: readonly LoggedAttempt[]): Accounts {
  const accounts: Accounts = new Map()
  for (const { key, last, used } of attempts) addTo(accounts, key, { ...used, requests: last ? 1 : 0 })
  return withoutNothing(accounts)
}

function usedIn(told: Line, last: boolean): Account | undefined {
  if (typeof told.inputTokens !== 'number') return undefined
  const tokens = Object.fromEntries(TOKENS.map((name) => [name, Number(told[name] ?? 0)])) as Tokens
  return { requests: last ? 1 : 0, ...tokens, ...costIn(told as { costUsd: string | null }) }
}

function listOf(value: unknown): Line[] {
  return Array.isArray(value) ? value : []
}

function costIn({ costUsd }: { costUsd: string | null }): Pick<Account, 'costPicoUsd'> {
  return { costPicoUsd: picoUsd(costUsd ?? '0') }
}

/** Of an exact decimal. */
export function picoUsd(usd: string): bigint {
  const [whole = '0', fraction = ''] = usd.split('.')
  return BigInt(whole) * 10n ** 12n + BigInt(fraction.padEnd(12, '0'))
}

const COUNTED_AS = {
  input: 'inputTokens',
  cached_input: 'cachedInputTokens',
  cache_write: 'cacheWriteTokens',
  output: 'outputTokens',
  reasoning: 'reasoningTokens',
} as const

/** By `provider model`, which is all that counters know. A sum below 2^53 pico-USD is exact, though it is told as a fraction. */
export function scraped(families: ReadonlyMap<string, Family>): Accounts {
  const accounts: Accounts = new Map()
  const each = (name: string, count: (value: number, labels: Record<string, string>) => Partial<Account>): void => {
    for (const { labels, value } of families.get(name)?.samples ?? []) {
      if (labels.provider !== '') addTo(accounts, `${labels.provider} ${labels.model}`, count(value, labels))
    }
  }
  each('outrigger_requests_total', (requests) => ({ requests }))
  each('outrigger_tokens_total', (tokens, { type }) => ({ [COUNTED_AS[type as keyof typeof COUNTED_AS]]: tokens }))
  each('outrigger_cost_usd_total', (usd) => ({ costPicoUsd: BigInt(Math.round(usd * 1e12)) }))
  return withoutNothing(accounts)
}
