// One seeded run: random writes while things go wrong, then all is well, and what was seen in the end is judged.
import { createFakeClient } from '../../support/fake-apiserver-client.ts'
import { createFakeCore, type FakeCore } from '../../support/fake-apiserver-core.ts'
import type { FaultName, FaultRates } from '../../support/fake-apiserver-faults.ts'
import { type FakeStore, type Place, StatusError } from '../../support/fake-apiserver-store.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts'
import { type Mirror, SOURCES, startMirror } from './mirror.ts'

/** How likely each is at most, each time that it could happen. */
const RATES: Readonly<Record<FaultName, number>> = {
  cut: 0.2,
  end: 0.2,
  silence: 0.1,
  errorEvent: 0.2,
  duplicate: 0.5,
  reorder: 0.5,
  stale: 0.3,
  expiredWatch: 0.3,
  expiredPage: 0.5,
  conflict: 0.4,
  tooManyRequests: 0.3,
  serverError: 0.3,
  slow: 0.4,
  hang: 0.1,
  lostAnswer: 0.3,
  refuse: 0.1,
}

/** About half of all, each more or less likely, so that runs differ in what goes wrong. */
export function randomRates(random: Random): FaultRates {
  const chosen = Object.entries(RATES).filter(() => random() < 0.5)
  return Object.fromEntries(chosen.map(([name, rate]) => [name, rate * random()]))
}

const WRITES_MAX = 60
const REQUESTS_MAX = 5000
/** The longest waits are the queue's: 5 ms doubled 17 times is 11 minutes. */
const HEAL_MS = 30 * 60_000
const HEAL_STEP_MS = 10_000

/** Empty when all is as it should be. */
export async function runWithFaults(seed: number): Promise<string[]> {
  const random = seeded(seed)
  const clock = createVirtualClock()
  const { startTimer, now } = clock
  const faults = randomRates(random)
  const core = createFakeCore({ random, startTimer, now, faults, eventDelayMs: pick(random, [0, 50, 2000]) })
  const requests = countRequests(core)
  const client = createFakeClient({ core, startTimer, now })
  for (let writes = below(random, 10); writes > 0; writes--) writeSomething(core.store, random)
  const mirror = startMirror({
    ...{ client, random, now, startTimer },
    content: pick(random, ['Whole', 'Metadata']),
    labelSelector: pick(random, [undefined, 'team=a']),
    namespace: pick(random, [undefined, undefined, 'a']),
    limits: { pageSize: 1 + below(random, 5) },
  })
  for (let writes = below(random, WRITES_MAX); writes > 0; writes--) {
    writeSomething(core.store, random)
    await clock.advance(random() ** 4 * pick(random, [0, 10, 2000, 200_000]))
  }
  core.faults.set({})
  await heal(mirror, core.store, clock)
  const problems = [...mirror.problems(core.store), ...requests.problems()]
  await mirror.close()
  client.close()
  await clock.advance(0)
  return clock.pending === 0 ? problems : [...problems, `${clock.pending} timers are left`]
}

async function heal(mirror: Mirror, store: FakeStore, clock: VirtualClock): Promise<void> {
  for (let waited = 0; waited < HEAL_MS && mirror.problems(store).length > 0; waited += HEAL_STEP_MS) {
    await clock.advance(HEAL_STEP_MS)
  }
  // What comes late must not spoil it.
  await clock.advance(HEAL_STEP_MS)
}

/** Who asks without a pause would never let virtual time pass: at the limit, nothing is answered any more. */
function countRequests(core: FakeCore): { problems(): string[] } {
  const serve = core.serve.bind(core)
  let count = 0
  core.serve = (request, reply) => (++count > REQUESTS_MAX ? () => {} : serve(request, reply))
  return { problems: () => (count > REQUESTS_MAX ? ['requests without end'] : []) }
}

type Write = (store: FakeStore, place: Place, random: Random) => void

const create: Write = (store, { collection, namespace, name }, random) => {
  const labels = { team: pick(random, ['a', 'b']) }
  const metadata = { name, labels }
  store.create({ collection, namespace }, { apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMProvider', metadata })
}

const update: Write = (store, place, random) => {
  const before = store.get(place)
  const spec = { value: below(random, 1000) }
  const labels = { team: pick(random, ['a', 'b']) }
  store.update(place, { ...before, metadata: { ...before.metadata, labels }, spec }, 'Main')
}

const remove: Write = (store, place) => {
  store.delete(place)
}

const recreate: Write = (store, place, random) => {
  store.delete(place)
  create(store, place, random)
}

/** Deleted objects with finalizers stay until somebody takes those away. */
const holdOrRelease: Write = (store, place) => {
  const before = store.get(place)
  const finalizers = before.metadata.finalizers?.length ? [] : ['outrigger.dev/test']
  store.update(place, { ...before, metadata: { ...before.metadata, finalizers } }, 'Main')
}

const compact: Write = (store) => store.compact()

const WRITES: readonly Write[] = [
  ...[create, create, create, update, update, update, update],
  ...[remove, remove, recreate, holdOrRelease, compact],
]

export function writeSomething(store: FakeStore, random: Random): void {
  const namespace = pick(random, ['a', 'b'])
  const name = pick(random, ['v', 'w', 'x', 'y', 'z'])
  try {
    pick(random, WRITES)(store, { collection: SOURCES, namespace, name }, random)
  } catch (error) {
    // There, or not there: another write then.
    if (!(error instanceof StatusError)) throw error
  }
}
