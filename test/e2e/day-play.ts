// Plays a day: draws its requests, sends them through a real sidecar before two mock providers while a clock of its own passes from ten
// to ten, and collects what everybody says of it afterwards. Judges nothing.
import http from 'node:http'
import { USAGE_PATH, type UsageReport } from '../../contract/usage-report.ts'
import type { AnswerAccount, LedgerRow } from '../../mock/ledger.ts'
import { type Mock, startMock } from '../../mock/server.ts'
import { inParallel } from '../sidecar/resilience/in-parallel.ts'
import { ask, askJson, until } from '../support/client.ts'
import { type Family, parsePrometheusText } from '../support/prometheus-text.ts'
import { seeded } from '../support/random.ts'
import { type Line, startTestSidecar, type TestSidecar } from '../support/sidecar.ts'
import { dayDocument, MOCKS, type MockName } from './day-document.ts'
import { drawPlan, type Outcome, type Plan, sendPlan } from './day-traffic.ts'
import { CLIENT_KEY, clientsOf, PROVIDER_KEY } from './two-ways.ts'

/** What was to happen, and all that is known of what did. */
export interface Day {
  readonly plans: readonly Plan[]
  /** Of the plans, one each. */
  readonly outcomes: readonly Outcome[]
  /** Requests that the limit of `guarded` admits. */
  readonly guardedMax: number
  /** The mocks' ledgers. */
  readonly ledger: readonly MockRow[]
  /** What made them up, one by one. */
  readonly answers: readonly MockAnswer[]
  readonly report: UsageReport
  readonly metrics: ReadonlyMap<string, Family>
  readonly accessLines: readonly Line[]
  /** What is counted against each limit and budget, by its id: tokens, or USD as a decimal. */
  readonly limitsUsed: Readonly<Record<string, unknown>>
}

export interface MockRow extends LedgerRow {
  readonly mock: MockName
}

export interface MockAnswer extends AnswerAccount {
  readonly mock: MockName
}

/** The two that the day touches. */
export const DAYS = ['2026-11-20', '2026-11-21'] as const

const AT_ONCE = 12
const HOUR_MS = 3_600_000
const MORNING_MS = Date.UTC(2026, 10, 20, 10)
/**
 * Each hour's beginning, and its last millisecond. Not its first: limits are told of an earlier moment than that at which they ask for
 * the time, by a few µs, and where time stands still, that may be yesterday.
 */
const MOMENTS_MS = Array.from({ length: 24 }, (_, hour) => MORNING_MS + hour * HOUR_MS).flatMap((hourMs) => [
  hourMs + 1000,
  hourMs + HOUR_MS - 1,
])
/** The page of limits is worked out anew no more often. */
const LIMITS_FRESH_MS = 600

/** The same `seed`, the same plans. */
export async function playDay(requests: number, seed: number): Promise<Day> {
  const random = seeded(seed)
  const plans = Array.from({ length: requests }, () => drawPlan(random))
  const guardedMax = Math.max(1, Math.floor(plans.filter(({ model }) => model === 'guarded').length / 2))
  const clock = { nowMs: MORNING_MS }
  const answers: MockAnswer[] = []
  const mocks = {
    first: await startDayMock('first', clock, answers),
    second: await startDayMock('second', clock, answers),
  }
  const document = dayDocument({ first: mocks.first.url, second: mocks.second.url }, guardedMax)
  const sidecar = await startTestSidecar(document, {}, () => clock.nowMs)
  const outcomes = await sendAll(plans, { sidecar, mocks, clock })
  const ledger = MOCKS.flatMap((mock) => mocks[mock].ledger().rows.map((row) => ({ mock, ...row })))
  const told = await whatItTells(sidecar)
  await Promise.all([sidecar.stop(), mocks.first.close(), mocks.second.close()])
  return { plans, outcomes, guardedMax, ledger, answers, ...told, accessLines: sidecar.accessLines }
}

interface Clock {
  nowMs: number
}

interface Site {
  sidecar: TestSidecar
  mocks: Readonly<Record<MockName, Mock>>
  clock: Clock
}

function startDayMock(mock: MockName, clock: Clock, answers: MockAnswer[]): Promise<Mock> {
  const onAnswer = (account: AnswerAccount): unknown => answers.push({ mock, ...account })
  return startMock({ keys: [PROVIDER_KEY], wallClock: () => clock.nowMs, onAnswer })
}

/** No request is under way while time passes, so that all agree on the day of each. */
async function sendAll(plans: readonly Plan[], site: Site): Promise<Outcome[]> {
  const { sidecar, mocks, clock } = site
  const clients = clientsOf(sidecar.url, CLIENT_KEY)
  const agent = new http.Agent({ keepAlive: true })
  const outcomes: Outcome[] = []
  for (const [at, momentMs] of MOMENTS_MS.entries()) {
    clock.nowMs = momentMs
    const from = Math.floor((at * plans.length) / MOMENTS_MS.length)
    const to = Math.floor(((at + 1) * plans.length) / MOMENTS_MS.length)
    outcomes.push(...(await inParallel(plans.slice(from, to), AT_ONCE, (plan) => sendPlan(plan, clients, agent))))
    await until(
      () => underWay(site),
      (open) => open === 0,
    )
    for (const mock of MOCKS) mocks[mock].clear()
  }
  agent.destroy()
  return outcomes
}

/** When a client leaves, it is the first to know. */
async function underWay({ sidecar, mocks }: Site): Promise<number> {
  const { body } = await ask(`${sidecar.adminUrl}/metrics`)
  const inFlight = Number(/^outrigger_requests_in_flight (\d+)$/m.exec(body)?.[1])
  return inFlight + mocks.first.ledger().open + mocks.second.ledger().open
}

async function whatItTells({ adminUrl }: TestSidecar): Promise<Pick<Day, 'report' | 'metrics' | 'limitsUsed'>> {
  await new Promise((resolve) => setTimeout(resolve, LIMITS_FRESH_MS))
  const { rows } = (await askJson(`${adminUrl}/limits`)) as { rows: { id: string; used: unknown }[] }
  return {
    report: (await askJson(adminUrl + USAGE_PATH)) as unknown as UsageReport,
    metrics: parsePrometheusText((await ask(`${adminUrl}/metrics`)).body),
    limitsUsed: Object.fromEntries(rows.map((row) => [row.id, row.used])),
  }
}
