// A change that concerns hundreds of pods: nudges take their time then, and must not become more of them.
import { expect, test } from '@jest/globals'
import { Rollouts } from '../../../operator/kube/rollouts.ts'
import { createRateLimit } from '../../../operator/pace.ts'
import { fingerprintOf } from '../../../operator/rollout/fingerprint.ts'
import { NOT_SHARING } from '../../support/not-sharing.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'
import { createVirtualClock } from '../../support/virtual-clock.ts'

const PODS = 300
const WANTED = fingerprintOf(sidecarConfig({ revision: 'wanted', providers: [provider('ai/openai', 'OpenAI')] }))

/** Every pod is there, none runs the document, and each follows 150 ms after its nudge was answered. */
function start({ nudgeRate, answerMs }: { nudgeRate: number; answerMs: number }) {
  const clock = createVirtualClock()
  const timed = { now: clock.now, uptime: clock.now, startTimer: clock.startTimer }
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.startTimer(resolve, ms))
  const followed = new Set<string>()
  const seen = { nudges: 0, underWay: 0, underWayMost: 0 }
  const rollouts = new Rollouts({
    client: {
      async request<Answer>({ path }: { path: string }) {
        seen.nudges++
        seen.underWayMost = Math.max(seen.underWayMost, ++seen.underWay)
        await sleep(answerMs)
        seen.underWay--
        clock.startTimer(() => followed.add(path.split('/').at(-1) ?? ''), 150)
        return undefined as Answer
      },
    },
    ask: async (admin) => (followed.has(admin.split(':')[0] ?? '') ? 'wanted' : null),
    ...{ nudgeTurn: createRateLimit(nudgeRate, timed).turn, nudgePodsMax: 1000, clock: timed, random: () => 0 },
    ...{ onChange: () => {}, onCurrent: () => {}, onNudge: () => {}, log: recordedLog() },
  })
  for (let index = 0; index < PODS; index++) {
    const name = `pod-${index}`
    const where = { namespace: 'shop', name, uid: name, admin: `${name}:8788`, image: 'i', restarts: 0, labels: {} }
    rollouts.setPod({ ...where, state: 'Running', started: true, sharing: NOT_SHARING })
  }
  rollouts.publish('shop', WANTED, 'Written')
  return { clock, seen, followed }
}

test.each([10, 450])(
  'a pod whose turn comes seconds after the change is nudged once, as it follows (%i ms)',
  async (answerMs) => {
    const { clock, seen, followed } = start({ nudgeRate: 50, answerMs })
    await clock.advance(60_000)
    expect([followed.size, seen.nudges]).toEqual([PODS, PODS])
  },
)

test('an API server that answers slowly has few nudges to answer at a time, and each pod gets its own', async () => {
  const { clock, seen, followed } = start({ nudgeRate: 1_000, answerMs: 2_000 })
  await clock.advance(300_000)
  expect(seen.underWayMost).toBe(16)
  expect(followed.size).toBe(PODS)
})

test('whoever was not asked yet is known to be so', async () => {
  const clock = createVirtualClock()
  const answer = Promise.withResolvers<string | null>()
  const rollouts = new Rollouts({
    client: { request: async <Answer>() => undefined as Answer },
    ...{ ask: () => answer.promise, nudgeTurn: async () => {}, nudgePodsMax: 1000, random: () => 0 },
    clock: { now: clock.now, uptime: clock.now, startTimer: clock.startTimer },
    ...{ onChange: () => {}, onCurrent: () => {}, onNudge: () => {}, log: recordedLog() },
  })
  const where = { namespace: 'shop', name: 'web', uid: 'u', admin: 'web:8788', image: 'i', restarts: 0, labels: {} }
  rollouts.setPod({ ...where, state: 'Running', started: true, sharing: NOT_SHARING })
  // Nothing is published that it could be asked about.
  expect(rollouts.areAsked()).toBe(true)
  rollouts.publish('shop', WANTED, 'Unchanged')
  expect(rollouts.areAsked()).toBe(false)
  answer.resolve('wanted')
  await clock.advance(1)
  expect(rollouts.areAsked()).toBe(true)
})
