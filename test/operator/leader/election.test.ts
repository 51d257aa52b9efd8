// The election as a process lives through it, in virtual time: requests take 2 ms each way unless a test says otherwise.
import { expect, test } from '@jest/globals'
import type { KubeRequest } from '../../../operator/kube/client.ts'
import { CandidateProcess, type ProcessOptions } from './candidate-process.ts'
import { LeaseServer, type Passage } from './lease-server.ts'
import { VirtualTime } from './virtual-time.ts'

function world() {
  const time = new VirtualTime()
  const server = new LeaseServer()
  const candidate = (identity: string, rest: Partial<ProcessOptions> = {}) =>
    new CandidateProcess({ time, server, identity, ...rest })
  return { time, server, candidate }
}

const NEAR: Passage = { thereMs: 2, backMs: 2 }
const DOWN: Passage = { thereMs: undefined, backMs: undefined }

const HOUR_MS = 3_600_000
const SKEWS: [string, number, number][] = [
  ['both clocks right', 0, 0],
  ["the leader's clock an hour ahead", HOUR_MS, 0],
  ["the leader's clock an hour behind", -HOUR_MS, 0],
  ["the candidate's clock a day ahead", 0, 24 * HOUR_MS],
]

test('the first candidate creates the lease and leads', async () => {
  const { time, server, candidate } = world()
  const first = candidate('first')
  expect(first.leads).toBe(false)
  await time.pass(100)
  expect(first.leads).toBe(true)
  expect(first.events).toEqual(['started 8'])
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'first', leaseDurationSeconds: 15, leaseTransitions: 0 })
})

test.each(SKEWS)('a leader that lives is never displaced: %s', async (_says, leaderMs, candidateMs) => {
  const { time, server, candidate } = world()
  const first = candidate('first', { wallSkewMs: leaderMs })
  await time.pass(100)
  const second = candidate('second', { wallSkewMs: candidateMs })
  await time.pass(300_000)
  expect([first.events, second.events]).toEqual([['started 8'], []])
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'first', leaseTransitions: 0 })
})

test.each(SKEWS)(
  'a leader that dies is followed after 15 s and not before: %s',
  async (_says, leaderMs, candidateMs) => {
    const { time, server, candidate } = world()
    const first = candidate('first', { wallSkewMs: leaderMs })
    await time.pass(100)
    const second = candidate('second', { wallSkewMs: candidateMs })
    await time.pass(60_000)
    const { renewTime } = server.lease?.spec ?? {}
    first.die()
    await time.pass(13_000)
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'first', renewTime })
    // Seen up to one retry after it was written, taken up to one retry after it expired.
    await time.pass(2 * 4_400 + 2_000)
    expect(second.leads).toBe(true)
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 })
  },
)

test('a leader that leaves is followed at once by one that watches', async () => {
  const { time, server, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  const others = [candidate('second'), candidate('third'), candidate('fourth')]
  await time.pass(60_000)
  void first.leave()
  await time.pass(50)
  expect(first.events.map((event) => event.split(' ')[0])).toEqual(['started', 'ended', 'released'])
  expect(others.filter(({ leads }) => leads)).toHaveLength(1)
  expect(server.lease?.spec?.leaseTransitions).toBe(1)
})

test('a leader that leaves is followed at the next retry where watches fail', async () => {
  const { time, candidate } = world()
  const unwatched = ({ query }: KubeRequest): Passage =>
    query?.fieldSelector !== undefined ? { ...NEAR, instead: 403 } : NEAR
  const first = candidate('first')
  await time.pass(100)
  const second = candidate('second', { passage: unwatched })
  await time.pass(60_000)
  void first.leave()
  await time.pass(4_500)
  expect(second.leads).toBe(true)
})

test('a candidate that leaves touches nothing', async () => {
  const { time, server, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  const second = candidate('second')
  await time.pass(5_000)
  void second.leave()
  await time.pass(5_000)
  expect(second.events).toEqual(['released 5100'].map(() => expect.stringMatching(/^released /)))
  expect(first.leads).toBe(true)
  expect(server.lease?.spec?.holderIdentity).toBe('first')
})

test('of several candidates that come at once one leads', async () => {
  const { time, server, candidate } = world()
  const all = ['a', 'b', 'c', 'd', 'e'].map((identity) => candidate(identity))
  await time.pass(100)
  expect(all.filter(({ leads }) => leads).map(({ identity }) => identity)).toEqual([server.lease?.spec?.holderIdentity])
  expect(all.flatMap(({ log }) => log.lines.filter(({ level }) => level === 'warn'))).toEqual([])
})

test('a leader that cannot reach the API server stops after 10 s, before another begins, and comes back', async () => {
  const { time, candidate } = world()
  let down = false
  const first = candidate('first', { passage: () => (down ? DOWN : NEAR) })
  await time.pass(100)
  const second = candidate('second', { passage: () => (down ? DOWN : NEAR) })
  await time.pass(60_000)
  down = true
  await time.pass(8_000)
  expect(first.leads).toBe(true)
  await time.pass(2_100)
  expect(first.leads).toBe(false)
  expect(first.events.map((event) => event.split(' ')[0])).toEqual(['started', 'ended', 'lost'])
  await time.pass(20_000)
  expect(second.leads).toBe(false)
  down = false
  await time.pass(10_000)
  expect([first.leads, second.leads].filter(Boolean)).toHaveLength(1)
})

test('a leader that alone cannot reach the API server has stopped when the other begins', async () => {
  const { time, candidate } = world()
  let cut = false
  const first = candidate('first', { passage: () => (cut ? DOWN : NEAR) })
  await time.pass(100)
  const second = candidate('second')
  await time.pass(60_000)
  cut = true
  await time.pass(30_000)
  const at = (events: string[], name: string) => Number(events.find((event) => event.startsWith(name))?.split(' ')[1])
  expect(second.leads).toBe(true)
  expect(at(second.events, 'started') - at(first.events, 'lost')).toBeGreaterThanOrEqual(4_000)
})

test('an API server that takes 3 s for every answer costs no leadership', async () => {
  const { time, candidate } = world()
  const slow: Passage = { thereMs: 1_500, backMs: 1_500 }
  const first = candidate('first', { passage: () => slow })
  await time.pass(10_000)
  const second = candidate('second', { passage: () => slow })
  await time.pass(120_000)
  expect([first.events, second.events]).toEqual([['started 6000'], []])
})

test('a renewal whose answer was lost is found again, and no leadership with it', async () => {
  const { time, server, candidate } = world()
  let lost = false
  const first = candidate('first', {
    passage: ({ method }) => (lost && method === 'PUT' ? { ...NEAR, backMs: undefined } : NEAR),
  })
  await time.pass(100)
  lost = true
  await time.pass(2_500)
  lost = false
  await time.pass(30_000)
  expect(first.events).toEqual(['started 8'])
  expect(server.lease?.spec?.leaseTransitions).toBe(0)
})

test('a leader that was stopped does not lead when it goes on, even before its timers ran', async () => {
  const { time, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  const second = candidate('second')
  await time.pass(60_000)
  first.stop(40_000)
  const both: number[] = []
  await time.pass(60_000, () => both.push(Number(first.leads) + Number(second.leads)))
  expect(Math.max(...both)).toBe(1)
  expect(second.leads).toBe(true)
  expect(first.events.map((event) => event.split(' ')[0])).toEqual(['started', 'ended', 'lost'])
})

test('a leader whose uptime stood still does not lead when it wakes', async () => {
  const { time, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  const second = candidate('second')
  await time.pass(60_000)
  first.sleep(40_000)
  const both: number[] = []
  await time.pass(60_000, () => both.push(Number(first.leads) + Number(second.leads)))
  expect(Math.max(...both)).toBe(1)
  expect(second.leads).toBe(true)
})

test('a lease that another took by force ends the term at the next renewal', async () => {
  const { time, server, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  const { lease } = server
  if (lease === undefined) throw new Error('no lease')
  const path = '/apis/coordination.k8s.io/v1/namespaces/outrigger-system/leases/outrigger-operator'
  server.handle({ method: 'PUT', path, body: { ...lease, spec: { ...lease.spec, holderIdentity: 'admin' } } })
  await time.pass(2_100)
  expect(first.leads).toBe(false)
  expect(first.log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toEqual([
    { lease: 'outrigger-system/outrigger-operator', reason: 'it is held by admin' },
  ])
})

test('a lease that was deleted is made again by its leader', async () => {
  const { time, server, candidate } = world()
  const first = candidate('first')
  await time.pass(100)
  server.lease = undefined
  await time.pass(2_100)
  expect(first.events).toEqual(['started 8'])
  expect(server.lease).toMatchObject({ spec: { holderIdentity: 'first' } })
})

test('a process that starts again under its own name leads at once', async () => {
  const { time, candidate } = world()
  const before = candidate('first')
  await time.pass(60_000)
  before.die()
  const after = candidate('first')
  await time.pass(100)
  expect(after.leads).toBe(true)
})

test('a lease that cannot be given up is told, and release ends all the same', async () => {
  const { time, candidate } = world()
  let down = false
  const first = candidate('first', { passage: () => (down ? DOWN : NEAR) })
  await time.pass(100)
  down = true
  void first.leave()
  await time.pass(2_100)
  expect(first.events.map((event) => event.split(' ')[0])).toEqual(['started', 'ended', 'released'])
  expect(first.log.lines.at(-1)?.message).toBe('the lease was not released; it will expire')
})
