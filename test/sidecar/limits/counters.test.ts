// Stories in words, and what comes of them. Time starts at a bucket's edge; buckets are a second long, the window is 128.
//   5            an amount that is taken if it fits
//   a=5 a:3      one with a name, and what it turned out to be
//   !5           taken in any case
//   +15s +1ms    time passes
//   limit=20     the document has another limit now; capacity=5 only so much of it is this pod's
//   used         is told
// Told besides: `5 waits 1000 ms, 3 left` and `5 never fits, 3 left`.
import { expect, test } from '@jest/globals'
import type { Counter, Ticket } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import { budgetRow, limitRow, WINDOW_MS } from './rows.ts'

const START_MS = 1_000_000
/** When a story of budgets begins: a quarter of an hour before the month ends. */
const WALL_START_MS = Date.UTC(2026, 10, 30, 23, 45)
const BUCKET_MS = WINDOW_MS / 128

class Story {
  readonly told: string[] = []
  readonly #row: CountedRow
  readonly #counter: Counter
  readonly #taken = new Map<string, [amount: number, ticket: Ticket]>()
  #nowMs = START_MS
  /** How far people have set the wall's clock. */
  #setMs = 0

  constructor(row: CountedRow) {
    this.#row = row
    const wallClock = (nowMs: number) => WALL_START_MS + nowMs - START_MS + this.#setMs
    this.#counter = createLocalSource({ wallClock }).create(row, '', row.limit, START_MS)
  }

  tell(word: string): void {
    const [name = '', value = ''] = word.split(/[=:]/)
    if (word.startsWith('+')) this.#nowMs += durationMs(word.slice(1))
    else if (word.startsWith('wall')) this.#setMs += durationMs(word.slice('wall'.length))
    else if (word === 'used') this.told.push(`used ${this.#counter.used(this.#nowMs)}`)
    else if (word === 'idle?') this.told.push(this.#counter.isIdle(this.#nowMs) ? 'idle' : 'not idle')
    else if (name === 'limit') this.#configure(Number(value), Number(value))
    else if (name === 'capacity') this.#configure(this.#row.limit, Number(value))
    else if (word.includes(':')) this.#settle(name, Number(value))
    else if (word.startsWith('!')) this.#counter.take(Number(word.slice(1)), this.#nowMs)
    else this.#take(name, Number(word.includes('=') ? value : name))
  }

  #configure(limit: number, capacity: number): void {
    this.#counter.configure({ ...this.#row, limit }, capacity, this.#nowMs)
  }

  #take(name: string, amount: number): void {
    const shortage = this.#counter.shortage(amount, this.#nowMs)
    if (shortage === undefined) this.#taken.set(name, [amount, this.#counter.take(amount, this.#nowMs)])
    else {
      const wait = shortage.kind === 'TooLarge' ? 'never fits' : `waits ${shortage.retryAfterMs} ms`
      this.told.push(`${amount} ${wait}, ${shortage.remaining} left`)
    }
  }

  #settle(name: string, actual: number): void {
    const [amount, ticket] = this.#taken.get(name) ?? [0, 0]
    this.#counter.settle(ticket, amount, actual, this.#nowMs)
  }
}

function durationMs(word: string): number {
  return Number.parseFloat(word) * (word.endsWith('ms') ? 1 : word.endsWith('h') ? 3_600_000 : 1000)
}

function check(name: string, row: CountedRow, story: string, expected: string[]): void {
  test(name, () => {
    const told = new Story(row)
    for (const word of story.split(/\s+/)) told.tell(word)
    expect(told.told).toEqual(expected)
  })
}

const window = limitRow({ limit: 10 })

check('a window holds the limit, no more', window, '4 6 used 1', ['used 10', '1 waits 129000 ms, 0 left'])
check(
  'what was taken is counted until its whole bucket is older than the window',
  window,
  '10 +128999ms 1 +1ms 1 used',
  ['1 waits 1 ms, 0 left', 'used 1'],
)
check('late in its bucket it leaves just after a window', window, '+999ms 10 +128000ms 1 +1ms 10', [
  '1 waits 1 ms, 0 left',
])
check('no burst is doubled where two windows meet', window, '+127s 10 +2s 10 +126s 10 +1s 10 used', [
  '10 waits 127000 ms, 0 left',
  '10 waits 1000 ms, 0 left',
  'used 10',
])
check('it waits for as many buckets as it needs, oldest first', window, '4 +10s 4 +10s 2 4 5 10', [
  '4 waits 109000 ms, 0 left',
  '5 waits 119000 ms, 0 left',
  '10 waits 129000 ms, 0 left',
])
check('what is larger than the limit never fits', window, '3 11', ['11 never fits, 7 left'])
check('nothing fits always', window, '10 0 !20 0 used', ['used 30'])
check('what was reserved and not used can be taken at once', window, 'a=10 1 a:4 6 1', [
  '1 waits 129000 ms, 0 left',
  '1 waits 129000 ms, 0 left',
])
check(
  'what was used beyond the reservation is counted when it was reserved',
  window,
  'a=4 +50s a:25 used 1 +79s used',
  ['used 25', '1 waits 79000 ms, 0 left', 'used 0'],
)
check('what settles after a window, for less, changes nothing', window, 'a=9 +129s 3 a:1 used', ['used 3'])
check('what settles after a window, for more, is counted then', window, 'a=4 +129s a:9 used 6 +129s used', [
  'used 5',
  '6 waits 129000 ms, 5 left',
  'used 0',
])
check('a larger limit applies at once', window, '10 1 limit=12 1 2', [
  '1 waits 129000 ms, 0 left',
  '2 waits 129000 ms, 1 left',
])
check('a smaller limit lets in nothing until enough has left', window, '4 +1s 6 limit=5 1 +128s 1 +1s 5', [
  '1 waits 129000 ms, 0 left',
  '1 waits 1000 ms, 0 left',
])
check(
  'what is larger than the share, but not than the limit, may fit once the share grows',
  window,
  'capacity=0 1 11',
  ['1 waits 0 ms, 0 left', '11 never fits, 0 left'],
)
check('time that goes back is no time', window, '+10s 10 +-10s 1 +129s 1 +10s 1', [
  '1 waits 139000 ms, 0 left',
  '1 waits 10000 ms, 0 left',
])
check('it is idle when nothing is counted and nothing open', window, 'idle? a=1 +500s idle? a:1 idle?', [
  'idle',
  'not idle',
  'idle',
])

// 1280 in 128 s: 10 a second.
const burst = limitRow({ limit: 1280, burst: 50 })

check('a burst is what can be taken in one moment', burst, '50 1 +100ms 1 1', [
  '1 waits 100 ms, 0 left',
  '1 waits 100 ms, 0 left',
])
check(
  'what is larger than the burst needs a full bucket, and those after it wait for the debt',
  burst,
  '1 200 +100ms 200 1',
  ['200 waits 100 ms, 49 left', '1 waits 15100 ms, 0 left'],
)
check('the bucket never holds more than the burst', burst, '+1000s 50 1', ['1 waits 100 ms, 0 left'])
check('what comes back is in the bucket again', burst, 'a=50 a:20 30 1', ['1 waits 100 ms, 0 left'])
check('what comes back beyond a full bucket is lost', burst, 'a=50 +5s a:0 50 1', ['1 waits 100 ms, 0 left'])
check('what was used beyond the reservation is a debt', burst, 'a=50 a:70 1', ['1 waits 2100 ms, 0 left'])
check('the window holds although the bucket has refilled', burst, '!1280 +128s 50 +1s 50', ['50 waits 1000 ms, 0 left'])
check('the longer wait counts', burst, '!1280 1', ['1 waits 129000 ms, 0 left'])
check('a share of the limit has as large a share of the burst', burst, 'capacity=128 5 1 +1s 1', [
  '1 waits 1000 ms, 0 left',
])
check('a new limit keeps what is missing in the bucket', burst, '50 limit=2560 1 +50ms 1', ['1 waits 50 ms, 0 left'])
check('it is idle once the bucket is full', burst, 'a=1 a:0 idle? b=50 b:0 idle?', ['idle', 'idle'])

const open = limitRow({ what: 'Concurrency', limit: 2 })

check('room for an open request comes when another one ends', open, 'a=1 b=1 1 +1000s 1 a:0 1 used', [
  '1 waits 0 ms, 0 left',
  '1 waits 0 ms, 0 left',
  'used 2',
])
check('a smaller limit waits for those that are open', open, 'a=1 b=1 limit=1 a:0 1 b:0 1', ['1 waits 0 ms, 0 left'])
check('nothing open is idle', open, 'a=1 idle? a:0 idle?', ['not idle', 'idle'])

const month = budgetRow({ amountPicoUsd: 100 })

check('a budget begins anew with its period', month, '100 1 +899999ms 1 +1ms 100 used', [
  '1 waits 900000 ms, 0 left',
  '1 waits 1 ms, 0 left',
  'used 100',
])
check('what is reserved in one period and settled in the next', month, 'a=60 b=40 +900s a:10 used b:45 used', [
  'used 0',
  'used 5',
])
check('a clock set back a little gives nobody a new budget', month, '+900s 100 wall-60s 1 used +60s 1', [
  '1 waits 2678460000 ms, 0 left',
  'used 100',
  '1 waits 2678400000 ms, 0 left',
])
check(
  'a clock that had been wrong by a year goes on with what was counted',
  month,
  'wall+8760h 70 wall-8760h 40 +900s 40',
  ['40 waits 900000 ms, 30 left'],
)
check('a budget that is larger than all of it never fits', month, '30 101', ['101 never fits, 70 left'])
check('a rolling budget is a window', budgetRow({ period: { type: 'Rolling', windowMs: WINDOW_MS } }), '1000 1', [
  '1 waits 129000 ms, 0 left',
])

test('at exactly the moment that a shortage tells it fits, and not before', () => {
  for (let seed = 0; seed < 3000; seed++) expect([seed, retryProblem(seeded(seed))]).toEqual([seed, undefined])
})

/** Fills a counter at random, asks for something that does not fit, and asks again at the moments that matter. */
function retryProblem(random: Random): string | undefined {
  const limit = 1 + below(random, 1000)
  const row = limitRow(random() < 0.5 ? { limit } : { limit, burst: 1 + below(random, limit) })
  const counter = createLocalSource({ wallClock: () => 0 }).create(row, '', limit, 0)
  let nowMs = 0
  let amount = 1
  for (let tries = 0; counter.shortage(amount, nowMs) === undefined; tries++) {
    if (tries > 200) return 'nothing was refused'
    counter.take(amount, nowMs)
    nowMs += below(random, 2 * BUCKET_MS)
    amount = 1 + below(random, pick(random, [1, limit]))
  }
  const retryAfterMs = counter.shortage(amount, nowMs)?.retryAfterMs ?? Number.NaN
  for (const beforeMs of [BUCKET_MS, 1, 0.01]) {
    const earlierMs = nowMs + Math.max(0, retryAfterMs - beforeMs)
    if (counter.shortage(amount, earlierMs) === undefined) return `fits ${beforeMs} ms before`
  }
  return counter.shortage(amount, nowMs + retryAfterMs) === undefined
    ? undefined
    : `does not fit after ${retryAfterMs} ms`
}
