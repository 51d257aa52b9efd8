// The run of fault-run.ts over HTTP, with the real client and real time: fewer and shorter runs, the same judgement.
import { setTimeout as sleep } from 'node:timers/promises'
import { createKubeClient } from '../../../operator/kube/client.ts'
import { setTimer } from '../../../operator/kube/timer.ts'
import { startFakeApiserver } from '../../support/fake-apiserver.ts'
import type { FaultRates } from '../../support/fake-apiserver-faults.ts'
import { below, pick, seeded } from '../../support/random.ts'
import { randomRates, writeSomething } from './fault-run.ts'
import { startMirror } from './mirror.ts'

/** As the real ones, about a hundredth of them. */
const LIMITS = {
  silenceMs: 300,
  watchSeconds: 1,
  timeoutMs: 500,
  shortWatchMs: 10,
  steadyWatchMs: 100,
  backoffFirstMs: 8,
  backoffMaxMs: 100,
  retryAfterMaxMs: 100,
}
const QUEUE_LIMITS = { retryFirstMs: 5, retryMaxMs: 200 }
const WRITES_MAX = 40
const HEAL_MS = 60_000

/** Empty when all is as it should be. */
export async function runWithFaultsOverSockets(seed: number): Promise<string[]> {
  const random = seeded(seed)
  const times = { bookmarkMs: 100, eventDelayMs: pick(random, [0, 5]), refuseMs: 100, slowMs: 50 }
  const fake = await startFakeApiserver({ random, ...times, faults: withoutHangs(randomRates(random)) })
  const client = createKubeClient({ kubeconfig: fake.kubeconfig, userAgent: 'outrigger-operator/0.0.0' })
  const mirror = startMirror({
    ...{ client, random, startTimer: setTimer, now: () => performance.now() },
    content: pick(random, ['Whole', 'Metadata']),
    labelSelector: pick(random, [undefined, 'team=a']),
    namespace: pick(random, [undefined, undefined, 'a']),
    limits: { ...LIMITS, pageSize: 1 + below(random, 5) },
    queueLimits: QUEUE_LIMITS,
  })
  for (let writes = below(random, WRITES_MAX); writes > 0; writes--) {
    writeSomething(fake.store, random)
    await sleep(pick(random, [0, 0, 5, 20]))
  }
  fake.faults.set({})
  await heal(() => mirror.problems(fake.store).length === 0)
  const problems = mirror.problems(fake.store)
  await mirror.close()
  client.close()
  await fake.close()
  return problems
}

/** The work's requests have the client's own deadline of 10 s. */
function withoutHangs({ hang: _, ...rates }: FaultRates): FaultRates {
  return rates
}

/** The end is waited for, not a time: a minute is for a machine that stands still. */
async function heal(isHealed: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + HEAL_MS
  while (!isHealed() && performance.now() < giveUpAt) await sleep(20)
}
