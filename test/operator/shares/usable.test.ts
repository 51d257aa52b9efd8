// What a limit is worth when it is divided: nearly all of it can be used, whoever needs it, and it follows those who do. Nothing is lost
// here, only late: sidecars are asked every two seconds, and what is written arrives within half a second.
import { expect, test } from '@jest/globals'
import type { Span } from '../../../operator/shares/span.ts'
import { seeded } from '../../support/random.ts'
import { type Pod, SharingWorld } from './sharing-world.ts'

const WINDOW_MS = 60_000
const WINDOW: Span = { type: 'Window', windowMs: WINDOW_MS }
const TICK_MS = 250
const ASK_EVERY_TICKS = 8

/** What a pod asks for in one tick. */
type Load = (index: number, pods: number, limit: number) => number

/** All want ten times the limit together. */
const even: Load = (_index, pods, limit) => Math.ceil((limit * 10 * TICK_MS) / WINDOW_MS / pods)
const oneSided: Load = (index, _pods, limit) => (index === 0 ? Math.ceil((limit * 10 * TICK_MS) / WINDOW_MS) : 0)
/** Half of the pods want little, and get it; the rest is for one. */
const mixed: Load = (index, pods, limit) =>
  index === 0 ? oneSided(0, pods, limit) : index % 2 === 0 ? Math.ceil((limit / 4 / pods) * (TICK_MS / WINDOW_MS)) : 0

class Quiet {
  readonly world: SharingWorld
  readonly pods: Pod[] = []
  #ticks = 0
  readonly #tried: { uid: string; atMs: number; amount: number }[] = []

  constructor(limit: number, span = WINDOW) {
    this.world = new SharingWorld({ random: seeded(1), span, limit, counting: 'Shares' })
  }

  scale(count: number): void {
    while (this.pods.length < count) {
      const pod = this.world.create()
      this.world.watch(pod)
      this.pods.push(pod)
    }
    for (const pod of this.pods.splice(count)) this.world.remove(pod)
  }

  /** One pod after the other, each with a last answer. */
  replace(): void {
    for (const old of [...this.pods]) {
      const pod = this.world.create()
      this.world.watch(pod)
      this.pods.push(pod)
      this.world.end(old)
      this.world.watch(old)
      this.#ask(old)
      this.pods.splice(this.pods.indexOf(old), 1)
      this.world.remove(old)
      this.run(2_000, () => 0)
    }
  }

  run(ms: number, load: Load): void {
    for (const end = this.world.nowMs + ms; this.world.nowMs < end; ) this.#tick(load)
  }

  #tick(load: Load): void {
    const { world } = this
    world.pass(TICK_MS)
    this.#ticks++
    for (const [index, pod] of this.pods.entries()) {
      const amount = load(index, this.pods.length, world.limit)
      this.#tried.push({ uid: pod.uid, atMs: world.nowMs, amount })
      world.release(pod)
      world.use(pod, amount)
      if ((this.#ticks + index) % ASK_EVERY_TICKS === 0 || pod.annotation !== pod.file) this.#ask(pod)
    }
    world.plan()
    for (const pod of this.pods) {
      world.patch(pod, 'Done')
      world.watch(pod)
    }
  }

  #ask(pod: Pod): void {
    const { world } = this
    world.sync(pod)
    const since = world.nowMs - WINDOW_MS
    const tried = this.#tried.filter(({ uid, atMs }) => uid === pod.uid && atMs > since)
    world.ask(
      pod,
      tried.reduce((sum, { amount }) => sum + amount, 0),
    )
    world.hear(pod)
  }
}

const LOADS = { even, 'one-sided': oneSided, mixed }

const CASES = Object.keys(LOADS).flatMap((load) =>
  [1, 2, 8].flatMap((pods) => [100, 1_000, 5_000_000].map((limit) => ({ load, pods, limit }))),
) as { load: keyof typeof LOADS; pods: number; limit: number }[]

test.each(CASES)('of $limit, $pods pods can use 97 % under $load load', ({ load, pods, limit }) => {
  const quiet = new Quiet(limit)
  quiet.scale(pods)
  quiet.run(4 * WINDOW_MS, LOADS[load])
  expect(quiet.world.faults).toEqual([])
  expect(quiet.world.used() / limit).toBeGreaterThanOrEqual(0.97)
})

test('a share moves to another pod as fast as what was used leaves the window', () => {
  const quiet = new Quiet(1_000)
  quiet.scale(4)
  quiet.run(2 * WINDOW_MS, oneSided)
  const last: Load = (index, pods, limit) => oneSided(pods - 1 - index, pods, limit)
  quiet.run(1.2 * WINDOW_MS, last)
  expect(quiet.world.used()).toBeGreaterThanOrEqual(970)
  expect(quiet.pods.map((pod) => quiet.world.shareOf(pod) > 900)).toEqual([false, false, false, true])
})

test('a pod that comes among idle ones has its share within seconds', () => {
  const quiet = new Quiet(1_000)
  quiet.scale(4)
  quiet.run(30_000, () => 0)
  quiet.scale(5)
  quiet.run(4_000, () => 0)
  expect(quiet.world.shareOf(quiet.pods[4] as Pod)).toBeGreaterThanOrEqual(100)
})

test('what pods leave behind is there again when it has left the window: 1, 5 and 2 pods', () => {
  const quiet = new Quiet(1_000)
  for (const pods of [1, 5, 2]) {
    quiet.scale(pods)
    quiet.run(2 * WINDOW_MS, even)
    expect({ pods, enough: quiet.world.used() >= 970, faults: quiet.world.faults }).toEqual({
      pods,
      enough: true,
      faults: [],
    })
  }
})

test('pods that end in order leave what they have used, and not their shares: a month’s budget outlives rollouts', () => {
  const quiet = new Quiet(1_000, { type: 'Calendar', unit: 'Hour', timeZone: 'UTC' })
  quiet.scale(4)
  for (let rollout = 0; rollout < 5; rollout++) {
    quiet.run(10_000, (index, _pods, limit) => (index === 0 ? Math.ceil(limit / 1_000) : 0))
    quiet.replace()
    // Nor does it matter who the operator is.
    quiet.world.beginAnew()
  }
  const used = quiet.world.used()
  quiet.run(60_000, oneSided)
  expect(quiet.world.faults).toEqual([])
  expect(used).toBeLessThan(300)
  expect(quiet.world.used()).toBeGreaterThanOrEqual(970)
})

test('of a limit smaller than the number of pods, whoever wants it gets it', () => {
  const quiet = new Quiet(3, { type: 'Open' })
  quiet.scale(10)
  const wanted = new Set([4, 7])
  quiet.run(30_000, (index) => (wanted.has(index) ? 1 : 0))
  const shares = quiet.pods.map((pod) => quiet.world.shareOf(pod))
  expect({ shares, each: [4, 7].map((index) => (shares[index] ?? 0) > 0) }).toEqual({ shares, each: [true, true] })
})

test('nothing is written while nobody lacks anything', () => {
  const quiet = new Quiet(1_000)
  quiet.scale(8)
  quiet.run(WINDOW_MS, () => 0)
  const before = quiet.world.writes
  let turn = 0
  quiet.run(2 * WINDOW_MS, (index) => ((index + turn++) % 9 === 0 ? 1 : 0))
  expect(quiet.world.writes - before).toBe(0)
})
