import { expect, test } from '@jest/globals'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { Rollouts } from '../../../operator/kube/rollouts.ts'
import { createRateLimit } from '../../../operator/pace.ts'
import { type Fingerprint, fingerprintOf } from '../../../operator/rollout/fingerprint.ts'
import type { SidecarPod } from '../../../operator/rollout/pod.ts'
import { NOT_SHARING } from '../../support/not-sharing.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { createVirtualClock } from '../../support/virtual-clock.ts'

function document(revision: string): Fingerprint {
  const rule = ruleConfig('all', { backends: [backend('ai/openai', revision.length)] })
  return fingerprintOf(
    sidecarConfig({
      revision,
      providers: [provider('ai/openai', 'OpenAI')],
      routes: [routeConfig('shop/web', [rule])],
    }),
  )
}

const [A, B] = [document('a'), document('bb')]

function pod(name: string, change: Partial<SidecarPod> = {}): SidecarPod {
  const where = { namespace: 'shop', name, uid: `uid-${name}`, admin: `${name}:8788`, image: 'i', restarts: 0 }
  return { ...where, labels: {}, state: 'Running', started: true, sharing: NOT_SHARING, ...change }
}

interface Change {
  nudgePodsMax?: number
  nudgeRate?: number
  /** What a nudge brings about. */
  onNudge?(name: string): void | Promise<void>
}

function start({ nudgePodsMax = 100, nudgeRate = 1000, onNudge = () => {} }: Change = {}) {
  const clock = createVirtualClock()
  const timed = { now: clock.now, uptime: clock.now, startTimer: clock.startTimer }
  /** What each sidecar says, at once or later; an Error: it cannot be asked. */
  const says = new Map<string, string | null | Error | Promise<string>>()
  const [nudges, asked, changed]: [string[], string[], string[]] = [[], [], []]
  const texts = new Set<string>()
  const limit = createRateLimit(nudgeRate, timed)
  const current: number[] = []
  const log = recordedLog()
  const rollouts = new Rollouts({
    client: {
      async request<Answer>({ path, body }: KubeRequest) {
        const name = path.split('/').at(-1) ?? ''
        nudges.push(name)
        texts.add(JSON.stringify(body))
        await onNudge(name)
        return undefined as Answer
      },
    },
    async ask(admin) {
      const name = admin.split(':')[0] ?? ''
      asked.push(name)
      const said = says.get(name) ?? null
      if (said instanceof Error) throw said
      return said
    },
    ...{ nudgeTurn: limit.turn, nudgePodsMax, clock: timed, random: () => 0, log },
    onChange: (namespace) => changed.push(namespace),
    onCurrent: (sinceMs) => current.push(sinceMs),
    onNudge: () => {},
  })
  return { rollouts, clock, says, nudges, texts, asked, changed, current, log, limit }
}

const NOBODY = new Error('connect ECONNREFUSED')

test('nudges at once, asks until the sidecar has followed, and nudges no more', async () => {
  const it = start({ onNudge: (name) => void it.clock.startTimer(() => it.says.set(name, 'bb'), 100) })
  it.says.set('web', 'a')
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(10_000)
  expect(it.nudges).toEqual([])
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(60_000)
  expect(it.nudges).toEqual(['web'])
  expect(it.current).toHaveLength(1)
  expect(it.current[0]).toBeLessThan(200)
})

test('nudges again and again one that does not follow, each time in other words, and then leaves it to its kubelet', async () => {
  const it = start()
  it.says.set('web', null)
  it.rollouts.setPod(pod('web'))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(600_000)
  expect(it.nudges).toHaveLength(13)
  expect(it.texts.size).toBe(13)
  it.says.set('web', 'a')
  await it.clock.advance(60_000)
  expect(it.rollouts.of('shop').pods[0]?.report).toMatchObject({ kind: 'Runs', running: { revision: 'a' } })
})

test('asks first who may have it already', async () => {
  const it = start()
  it.says.set('web', 'a')
  it.rollouts.setPod(pod('web'))
  it.rollouts.setPod(pod('late'))
  it.rollouts.publish('shop', A, 'Unchanged')
  await it.clock.advance(300)
  expect(it.nudges).toEqual(['late'])
})

test('nudges once whom it cannot ask', async () => {
  const it = start()
  it.says.set('web', NOBODY)
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(60_000)
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(600_000)
  expect(it.nudges).toEqual(['web'])
})

test('nudges everybody again when what was published had been changed by somebody else', async () => {
  const it = start()
  it.says.set('web', 'a')
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(1_000)
  it.rollouts.publish('shop', A, 'Unchanged')
  await it.clock.advance(1_000)
  expect(it.nudges).toEqual([])
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(60_000)
  expect(it.nudges).toEqual(['web'])
})

test('comes back to a pod that follows a document which was taken back meanwhile', async () => {
  const it = start()
  it.says.set('web', 'a')
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(100_000)
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(50)
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(20)
  // The kubelet does only now what the first nudge told it.
  it.says.set('web', 'bb')
  const before = it.nudges.length
  await it.clock.advance(2_000)
  expect(it.nudges.length).toBeGreaterThan(before)
})

test('has nudges left for a pod that followed none of them, and then follows one that was taken back', async () => {
  const it = start()
  it.says.set('web', 'a')
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(60_000)
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(100)
  it.says.set('web', 'bb')
  const before = it.nudges.length
  await it.clock.advance(5_000)
  expect(it.nudges.length).toBeGreaterThan(before)
})

test('sends what was published last when a document comes while it waits for its turn', async () => {
  const it = start({ nudgeRate: 1, onNudge: (name) => void it.says.set(name, 'bb') })
  for (const name of ['x', 'y', 'z']) it.rollouts.setPod(pod(name))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(100)
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(20_000)
  expect([...it.texts].filter((text) => text.includes('"a/'))).toHaveLength(it.nudges.length - 3)
  expect(it.nudges.slice(-3).sort()).toEqual(['x', 'y', 'z'])
})

test('leaves a pod alone that goes while it waits for its turn', async () => {
  const it = start({ nudgeRate: 1 })
  for (const name of ['x', 'y', 'z']) it.rollouts.setPod(pod(name))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(10)
  for (const name of ['x', 'y', 'z']) it.rollouts.removePod('shop', name)
  await it.clock.advance(60_000)
  expect(it.nudges).toHaveLength(1)
  expect(it.clock.pending).toBe(0)
})

test('believes nothing of a process that is gone', async () => {
  const it = start()
  const late = Promise.withResolvers<string>()
  it.says.set('web', late.promise)
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(100)
  it.says.set('web', 'a')
  it.rollouts.setPod(pod('web', { restarts: 1 }))
  await it.clock.advance(100)
  const changes = it.changed.length
  late.resolve('other')
  await it.clock.advance(100)
  expect(it.rollouts.of('shop').pods.map(({ report }) => report)).toMatchObject([{ running: { revision: 'a' } }])
  expect([it.changed.length, it.nudges]).toEqual([changes, []])
})

test('nudges nobody when there are too many, and counts only those that run', async () => {
  const it = start({ nudgePodsMax: 2 })
  for (const name of ['x', 'y']) it.rollouts.setPod(pod(name))
  for (const state of ['Starting', 'Missing', 'Ended'] as const) it.rollouts.setPod(pod(state, { state }))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(100)
  expect(it.nudges).toHaveLength(2)
  it.rollouts.setPod(pod('z'))
  const before = it.nudges.length
  it.rollouts.publish('shop', B, 'Written')
  await it.clock.advance(600_000)
  expect(it.nudges).toHaveLength(before)
})

test('says nothing of a change that is none', async () => {
  const it = start()
  it.says.set('web', 'a')
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.setPod(pod('web'))
  await it.clock.advance(1_000)
  const [changes, questions] = [it.changed.length, it.asked.length]
  for (let i = 0; i < 10; i++) it.rollouts.setPod(pod('web'))
  await it.clock.advance(0)
  expect([it.changed.length, it.asked.length]).toEqual([changes, questions])
})

test.each<[name: string, status: number, lines: number]>([
  ['is gone', 404, 0],
  ['is another of that name', 409, 0],
  ['may not be patched', 403, 8],
])('goes on asking a pod that %s', async (_name, status, lines) => {
  const it = start({
    onNudge: () => {
      throw new KubeError('no', { status, reason: 'x' })
    },
  })
  it.rollouts.setPod(pod('web'))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(60_000)
  expect(it.log.lines).toHaveLength(lines)
  it.says.set('web', 'a')
  await it.clock.advance(60_000)
  expect(it.rollouts.of('shop').pods[0]?.report).toMatchObject({ kind: 'Runs', running: { revision: 'a' } })
})

test('leaves nothing behind when it is closed during a step', async () => {
  const it = start({ nudgeRate: 1 })
  for (const name of ['x', 'y', 'z']) it.rollouts.setPod(pod(name))
  it.rollouts.publish('shop', A, 'Written')
  await it.clock.advance(10)
  it.rollouts.close()
  it.limit.close()
  await it.clock.advance(0)
  expect([it.nudges.length, it.clock.pending]).toEqual([1, 0])
})

test('remembers nothing of a namespace without pods and document', () => {
  const it = start()
  it.rollouts.setPod(pod('web'))
  it.rollouts.publish('shop', A, 'Written')
  it.rollouts.removePod('shop', 'web')
  expect(it.rollouts.namespaces()).toEqual(['shop'])
  it.rollouts.withdraw('shop')
  expect(it.rollouts.namespaces()).toEqual([])
  it.rollouts.close()
})
