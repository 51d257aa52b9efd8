// Measures what a store costs: node test/sidecar/store/measure.ts. Eight sidecars in one process and one Redis on loopback, so the times
// are upper bounds of what one sidecar pays; the numbers of round trips are not.
import type { Counter } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { startRedis } from './redis.ts'
import { ask, closeAll, countersOf, isAdmitted, limitRow, now, openSources, sleep, wallClock } from './sources.ts'

const SECONDS = 6
const REQUESTS_PER_SECOND = 1000
const TURN_MS = 4

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

/** What requests wait for when the store stops answering in the middle, 1000 of them within a second. */
async function stopped(): Promise<string> {
  const [source] = await openSources(redis.url, 1, { timeoutMs: 20, onFailure: 'Allow' })
  const [counter] = source === undefined ? [] : countersOf([source], requests(AMPLE))
  if (source === undefined || counter === undefined) return ''
  await ask(counter, 1)
  redis.signal('SIGSTOP')
  const waits: number[] = []
  const all: Promise<unknown>[] = []
  for (let asked = 0; asked < 1000; asked++) {
    const beganMs = now()
    all.push(ask(counter, 1).then(() => waits.push(now() - beganMs)))
    if (asked % TURN_MS === 0) await sleep(TURN_MS)
  }
  await Promise.all(all)
  redis.signal('SIGCONT')
  await source.close()
  waits.sort((a, b) => a - b)
  const waited = waits.filter((ms) => ms > 1).length
  return `| ${waited} | ${[0.5, 0.99, 0.999].map((part) => waits[Math.floor(part * waits.length)]?.toFixed(1)).join(' | ')} |`
}

await redis.client.connect()
console.log(
  '| load, 1000 a second | asked | admitted | round trips per 1000 asked | waited | wait p50 ms | wait p99 ms |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- |')
for (const load of LOADS) console.log(await measure(load))
console.log('\n| admission and settlement without a round trip | ns |\n| --- | --- |')
console.log(await cost())
console.log('\n| store stopped, 1000 requests: waited | p50 ms | p99 ms | p99.9 ms |\n| --- | --- | --- | --- |')
console.log(await stopped())
await redis.stop()
