// However requests, clocks and processes behave, never do two lead at once; and when they behave again, one leads. Each run is
// drawn from a seed, and a failure names it.
import { expect, test } from '@jest/globals'
import type { KubeRequest } from '../../../operator/kube/client.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import { CandidateProcess } from './candidate-process.ts'
import { LeaseServer, type Passage } from './lease-server.ts'
import { VirtualTime } from './virtual-time.ts'

const RUNS = 2_000
const WILD_MS = 60_000
/** A lease's end, two retries, and a request that was slow, with some room. */
const QUIET_MS = 45_000

/** How the way to the API server is for a while. */
type Weather = (random: Random) => Passage

const LOST: Passage = { thereMs: undefined, backMs: undefined }

const WEATHERS: readonly Weather[] = [
  (random) => ({ thereMs: below(random, 20), backMs: below(random, 20) }),
  (random) => ({ thereMs: below(random, 3_000), backMs: below(random, 3_000) }),
  // Answers, and writes, that come long after the client gave up.
  (random) => ({ thereMs: below(random, 16_000), backMs: below(random, 2_000) }),
  () => LOST,
  (random) => (random() < 0.5 ? LOST : { thereMs: 5, backMs: random() < 0.5 ? undefined : 5 }),
  (random) => ({ thereMs: 5, backMs: 5, ...(random() < 0.5 && { instead: pick(random, [409, 429, 500, 503]) }) }),
]
const FAIR = WEATHERS[0] as Weather

class Run {
  readonly #random: Random
  readonly #time = new VirtualTime()
  readonly #server = new LeaseServer()
  readonly #processes: CandidateProcess[] = []
  /** Clocks that are set and machines that sleep are not mixed: together they may deceive (lease.ts). */
  readonly #sleeps: boolean
  #weathers = new Map<string, Weather>()
  #leaders = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
    this.#sleeps = this.#random() < 0.5
  }

  /** The most that led at once; how many lead in the end; how many terms there were. */
  async play(): Promise<{ most: number; last: number; terms: number }> {
    const count = 2 + below(this.#random, 2)
    for (let index = 0; index < count; index += 1) this.#start()
    for (let left = below(this.#random, 12); left > 0; left -= 1) {
      this.#time.at(this.#random() * WILD_MS, () => this.#disturb())
    }
    await this.#time.pass(WILD_MS, () => this.#look())
    this.#weathers.clear()
    await this.#time.pass(QUIET_MS, () => this.#look())
    const started = this.#processes.flatMap(({ events }) => events.filter((event) => event.startsWith('started')))
    return { most: this.#leaders, last: this.#leading(), terms: started.length }
  }

  #look(): void {
    this.#leaders = Math.max(this.#leaders, this.#leading())
  }

  #leading(): number {
    return this.#processes.filter(({ leads }) => leads).length
  }

  #start(): void {
    const identity = `pod-${this.#processes.length}`
    this.#weathers.set(identity, pick(this.#random, WEATHERS))
    this.#processes.push(
      new CandidateProcess({
        time: this.#time,
        server: this.#server,
        identity,
        wallSkewMs: (this.#random() - 0.5) * 7_200_000,
        rate: 0.95 + this.#random() * 0.1,
        random: this.#random,
        passage: (_request: KubeRequest) => (this.#weathers.get(identity) ?? FAIR)(this.#random),
      }),
    )
  }

  #disturb(): void {
    const living = this.#processes.filter(({ alive }) => alive)
    const leading = living.filter(({ leads }) => leads)
    // What happens to the leader is more telling.
    const one = pick(this.#random, this.#random() < 0.5 && leading.length > 0 ? leading : living)
    pick(this.#random, [
      () => void this.#weathers.set(one.identity, pick(this.#random, WEATHERS)),
      () => void this.#weathers.set(one.identity, pick(this.#random, WEATHERS)),
      () => one.stop(this.#random() * 30_000),
      () => this.#upsetClock(one),
      () => this.#replace(one, () => one.die()),
      () => this.#replace(one, () => void one.leave()),
    ])()
  }

  #upsetClock(one: CandidateProcess): void {
    if (this.#sleeps) one.sleep(this.#random() * 30_000)
    else if (!one.standsStill) one.wallSkewMs += (this.#random() - 0.5) * 7_200_000
  }

  #replace(one: CandidateProcess, end: () => void): void {
    if (one.standsStill) return
    end()
    this.#start()
  }
}

test(`${RUNS} runs with failures, pauses and wrong clocks: never two leaders, and one in the end`, async () => {
  let terms = 0
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const { most, last, terms: more } = await new Run(seed).play()
    expect({ seed, most, last }).toEqual({ seed, most: 1, last: 1 })
    terms += more
  }
  // That it was lively at all.
  expect(terms).toBeGreaterThan(2 * RUNS)
}, 300_000)
