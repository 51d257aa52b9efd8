// Measures what a store costs, and what its troubles do, and writes docs/store.md: `make store-costs`. Eight sidecars in one process and one Redis on loopback, so the times
// are upper bounds of what one sidecar pays; the numbers of round trips are not.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Counter, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { withTables } from '../../support/written-tables.ts'
import { startRedis } from './redis.ts'
import {
  ask,
  closeAll,
  countersOf,
  eventually,
  isAdmitted,
  limitRow,
  now,
  openSources,
  sleep,
  wallClock,
} from './sources.ts'
import { FORGOTTEN_SCRIPTS, TROUBLES, type Trouble } from './troubles.ts'

const SECONDS = 6
const REQUESTS_PER_SECOND = 1000
const TURN_MS = 4
/** Of what `local-share` may admit by itself. */
const SHARE = 100

const redis = await startRedis()

interface Load {
  readonly name: string
  readonly sidecars: number
  readonly row: CountedRow
  /** Reserved and, a moment later, used. */
  readonly amounts: readonly [reserved: number, actual: number]
}

const AMPLE = 10 ** 9
const LOADS: readonly Load[] = [
  { name: 'requests, 1 sidecar', sidecars: 1, row: requests(AMPLE), amounts: [1, 1] },
  { name: 'requests, 8 sidecars', sidecars: 8, row: requests(AMPLE), amounts: [1, 1] },
  { name: 'requests, 10 s window', sidecars: 8, row: requests(AMPLE, 10_000), amounts: [1, 1] },
  {
    name: 'tokens, settled',
    sidecars: 8,
    row: limitRow({ what: 'Tokens', limit: AMPLE, windowMs: 60_000 }),
    amounts: [900, 300],
  },
  { name: 'requests, half refused', sidecars: 8, row: requests(SECONDS * 500), amounts: [1, 1] },
  { name: 'open requests', sidecars: 8, row: limitRow({ what: 'Concurrency', limit: 1000 }), amounts: [1, 0] },
]

function requests(limit: number, windowMs = 60_000): CountedRow {
  return limitRow({ what: 'Requests', limit, windowMs })
}

const calls = (sources: readonly StoreSource[]) => sources.reduce((sum, source) => sum + source.report().calls, 0)

async function measure({ name, sidecars, row, amounts }: Load): Promise<string> {
  await redis.client.flushall()
  const sources = await openSources(redis.url, sidecars, { timeoutMs: 20 })
  const counters = countersOf(sources, row)
  const [reserved, actual] = amounts
  const waits: number[] = []
  let [asked, admitted, waited] = [0, 0, 0]
  const one = async (counter: Counter): Promise<void> => {
    const beganMs = now()
    const isLeased = counter.shortage(reserved, beganMs)?.kind !== 'Unleased'
    const answer = await ask(counter, reserved)
    if (!isLeased) {
      waited++
      waits.push(now() - beganMs)
    }
    if (!isAdmitted(answer)) return
    admitted++
    await sleep(20)
    counter.settle(answer, reserved, actual, now())
  }
  const before = calls(sources)
  const beganMs = now()
  const all: Promise<void>[] = []
  while (now() - beganMs < SECONDS * 1000) {
    const due = ((now() - beganMs) / 1000) * REQUESTS_PER_SECOND
    for (; asked < due; asked++) all.push(one(counters[asked % sidecars] as Counter))
    await sleep(TURN_MS)
  }
  await Promise.all(all)
  const made = calls(sources) - before
  await closeAll(sources)
  const [p50, p99] = [0.5, 0.99].map((part) => waits.sort((a, b) => a - b)[Math.floor(part * waits.length)]?.toFixed(2))
  const perThousand = ((1000 * made) / asked).toFixed(1)
  const waiting = ((100 * waited) / asked).toFixed(1)
  return `| ${name} | ${asked} | ${admitted} | ${perThousand} | ${waiting} % | ${p50} | ${p99} |`
}

/** Nanoseconds of an admission and its settlement that need no round trip; a local count for comparison. */
async function cost(): Promise<string> {
  const row = requests(AMPLE)
  const [source] = await openSources(redis.url, 1, { timeoutMs: 1000 })
  if (source === undefined) return ''
  const stored = source.create(row, '', row.limit, now())
  const local = createLocalSource({ wallClock }).create(row, '', row.limit, now())
  const rows: string[] = []
  for (const [name, counter] of [
    ['store, leased', stored],
    ['local', local],
  ] as const) {
    let [done, spentMs] = [0, 0]
    while (done < 2_000_000) {
      const ticket = await ask(counter, 1)
      if (isAdmitted(ticket)) counter.settle(ticket, 1, 1, now())
      const nowMs = now()
      for (let i = 0; i < 2000 && counter.shortage(1, nowMs) === undefined; i++) {
        counter.settle(counter.take(1, nowMs), 1, 1, nowMs)
        done++
      }
      spentMs += now() - nowMs
    }
    rows.push(`| ${name} | ${Math.round((spentMs * 1e6) / done)} |`)
  }
  await source.close()
  return rows.join('\n')
}

/** What requests wait for while the store cannot be counted in, 1000 within a second, and how many are admitted by each policy. */
async function waitsWhile({ name, begin, end }: Trouble): Promise<string> {
  const waits: number[] = []
  const admitted: number[] = []
  for (const onFailure of ['LocalShare', 'Allow', 'Deny'] as const) {
    const [source] = await openSources(redis.url, 1, { timeoutMs: 20, onFailure, shareOf: () => SHARE })
    const [counter] = source === undefined ? [] : countersOf([source], requests(AMPLE))
    if (source === undefined || counter === undefined) throw new Error('no source')
    await ask(counter, 1)
    await begin(redis)
    const answers = await askWithinASecond(counter, waits)
    admitted.push(answers.filter(isAdmitted).length)
    await end(redis)
    await eventually(() => source.report().state === 'Up')
    await source.close()
    await redis.client.flushall()
  }
  const waited = ((100 * waits.filter((ms) => ms > 1).length) / waits.length).toFixed(1)
  waits.sort((a, b) => a - b)
  const [p99, p999, longest] = [0.99, 0.999, 1].map((part) => at(waits, part).toFixed(1))
  return `| ${[name, ...admitted, `${waited} %`, p99, p999, longest].join(' | ')} |`
}

async function askWithinASecond(counter: Counter, waits: number[]): Promise<(Ticket | Shortage)[]> {
  const all: Promise<Ticket | Shortage>[] = []
  for (let asked = 0; asked < 1000; asked++) {
    const beganMs = now()
    const answer = ask(counter, 1)
    all.push(answer)
    void answer.then(() => waits.push(now() - beganMs))
    if (asked % TURN_MS === 0) await sleep(TURN_MS)
  }
  return await Promise.all(all)
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}

function tableOf(head: readonly string[], rows: readonly string[]): string {
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n')
}

async function each<T>(items: readonly T[], row: (item: T) => Promise<string>): Promise<string[]> {
  const rows: string[] = []
  for (const item of items) rows.push(await row(item))
  return rows
}

await redis.client.connect()
const loadHead = ['1000 a second', 'asked', 'admitted', 'round trips per 1000', 'waited for one', 'p50 ms', 'p99 ms']
const waitsHead = [
  '1000 asked of a store that',
  'local-share',
  'allow',
  'deny',
  'waited',
  'p99 ms',
  'p99.9 ms',
  'longest ms',
]
const tables = [
  ...['With the store up; a wait is that for a round trip:', tableOf(loadHead, await each(LOADS, measure))],
  ...['An admission and its settlement without a round trip:', tableOf(['counted', 'ns'], [await cost()])],
  'Admitted by each policy, and waits of all three together, while the store cannot be counted in; the deadline is 20 ms and the share 100:',
  tableOf(waitsHead, await each([...TROUBLES, FORGOTTEN_SCRIPTS], waitsWhile)),
].join('\n\n')
await redis.stop()
console.log(tables)
const page = path.join(import.meta.dirname, '../../../docs/store.md')
writeFileSync(page, withTables(readFileSync(page, 'utf8'), 'store-costs', tables))
