// Rotations, on real TLS connections and over years of a clock of its own.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { afterEach, expect, test } from '@jest/globals'
import { kubeError } from '../../support/fake-kube-client.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import { trustProblem } from './trust.ts'
import { Cluster, HOST, type Replica } from './webhook-replica.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
let close = async (): Promise<void> => undefined
afterEach(() => close())

/** A TLS server that serves what a replica serves, exchanged without a restart. */
async function startServer(
  replica: Replica,
): Promise<{ connect(ca: string): Promise<string>; close(): Promise<void> }> {
  const context = () => {
    const last = replica.served.at(-1)
    return { cert: last?.cert, key: last?.key.reveal() }
  }
  const server = tls.createServer(context(), (socket) => socket.on('error', () => undefined).end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    /** `hello`, or why there is no trust. */
    async connect(ca) {
      server.setSecureContext(context())
      const socket = tls.connect({ host: '127.0.0.1', port, servername: HOST, ca: [ca], minVersion: 'TLSv1.3' })
      try {
        const [data] = (await once(socket, 'data')) as [Buffer]
        return data.toString()
      } catch (error) {
        return (error as Error).message
      } finally {
        socket.destroy()
      }
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

test('a client that trusts the caBundle, or the one of 9 s ago, gets through a whole rotation', async () => {
  // Node checks certificates by the real clock; nothing may be made in its future.
  const cluster = new Cluster(Date.now() - 3 * DAY_MS)
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  const other = cluster.start()
  await other.certificates.ready
  await cluster.check()
  const servers = await Promise.all([leader, other].map(startServer))
  close = async () => {
    cluster.close()
    await Promise.all(servers.map((server) => server.close()))
  }
  const first = cluster.bundle() as string
  const bundles = [first]
  leader.certificates.rotateNow()
  for (const passMs of [0, 3_000, 3_000, 3_000, 3_000, 3_000, MINUTE_MS, MINUTE_MS, DAY_MS, MINUTE_MS, MINUTE_MS]) {
    await cluster.pass(passMs)
    const bundle = cluster.bundle() as string
    const answers = await Promise.all(
      servers.flatMap(({ connect }) => [connect(bundle), connect(bundles.at(-1) ?? '')]),
    )
    expect(answers).toEqual(['hello', 'hello', 'hello', 'hello'])
    if (bundle !== bundles.at(-1)) bundles.push(bundle)
  }
  const [one, both, last] = bundles
  expect(both).toBe(`${last}${one}`)
  expect(bundles).toHaveLength(3)
  expect(cluster.content()?.previousCa).toBeUndefined()
  expect([leader, other].map(({ served }) => served.length)).toEqual([2, 2])
  // The check can fail: with the first CA alone nothing is left to trust.
  expect(await Promise.all(servers.map(({ connect }) => connect(first)))).not.toContain('hello')
})

test('a leaf is renewed under the same CA without a change of the bundle', async () => {
  const cluster = new Cluster(Date.parse('2026-11-21T12:00:00Z'))
  close = async () => cluster.close()
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  await leader.certificates.check()
  const bundle = cluster.bundle()
  await cluster.pass(61 * DAY_MS)
  await cluster.pass(10_000)
  expect(leader.served).toHaveLength(2)
  expect(cluster.bundle()).toBe(bundle)
  expect(leader.certificates.expiresAtMs()).toBeGreaterThan(cluster.nowMs + 89 * DAY_MS)
})

test('what is asked for is done by the leader only, and once', async () => {
  const cluster = new Cluster(Date.parse('2026-11-21T12:00:00Z'))
  close = async () => cluster.close()
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  const other = cluster.start()
  await other.certificates.ready
  const { ca } = cluster.content() ?? {}
  other.certificates.rotateNow()
  await cluster.pass(10_000)
  expect(cluster.content()?.ca).toBe(ca)
  leader.certificates.rotateNow()
  await cluster.pass(10_000)
  const renewed = cluster.content()?.ca
  expect(renewed).not.toBe(ca)
  for (let step = 0; step < 5; step += 1) await cluster.pass(10_000)
  expect(cluster.content()?.ca).toBe(renewed)
})

test('a rotation that is asked for during another begins when that is finished', async () => {
  const cluster = new Cluster(Date.parse('2026-11-21T12:00:00Z'))
  close = async () => cluster.close()
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  leader.certificates.rotateNow()
  await cluster.pass(10_000)
  const second = cluster.content()?.ca
  leader.certificates.rotateNow()
  for (let step = 0; step < 5; step += 1) await cluster.pass(10_000)
  expect(cluster.content()?.ca).toBe(second)
  await cluster.pass(DAY_MS + 5 * MINUTE_MS)
  expect(cluster.content()).toMatchObject({ ca: second })
  expect(cluster.content()?.previousCa).toBeUndefined()
  await cluster.pass(10_000)
  expect(cluster.content()?.ca).not.toBe(second)
  expect(cluster.content()?.previousCa).toBe(second)
})

/** How long an API server may hold on to a bundle that was replaced. */
const STALE_MS = 9_000

/** A year and a half, in which leaders change, requests fail before and after they are done, and replicas are late. */
class Years {
  readonly #random: Random
  readonly cluster: Cluster
  readonly problems: string[] = []
  /** Each bundle that API servers may hold, and when it was replaced. */
  #bundles: { bundle: string | undefined; untilMs: number }[] = []
  #failing = 0
  #playing = false

  constructor(seed: number) {
    this.#random = seeded(seed)
    this.cluster = new Cluster(Date.parse('2026-11-21T12:00:00Z'))
  }

  async play(durationMs: number): Promise<void> {
    const { cluster } = this
    const disturbance = { before: () => this.#fail(), after: () => this.#done() }
    for (let count = 0; count < 3; count += 1) cluster.start({ disturbance })
    for (const replica of cluster.replicas) await replica.certificates.ready
    this.#elect(pick(this.#random, cluster.replicas))
    await cluster.check()
    this.#playing = true
    const endMs = cluster.nowMs + durationMs
    while (cluster.nowMs < endMs) await this.#step()
    this.#failing = 0
  }

  async #step(): Promise<void> {
    const { cluster } = this
    const random = this.#random
    const rotating = cluster.content()?.previousCa !== undefined && random() < 0.93
    const stepMs = rotating ? below(random, 5_000) : pick(random, [9 * DAY_MS, 4 * DAY_MS, 5_000])
    // In a long time every replica gets to look, also after what the leader did last. In a short one it may be late, and requests
    // may fail.
    const long = stepMs > MINUTE_MS
    this.#failing = long || random() < 0.7 ? 0 : 0.3
    for (let looks = long ? 2 : 0; looks > 0; looks -= 1) await cluster.check()
    if (random() < 0.1) this.#elect(pick(random, cluster.replicas))
    if (random() < 0.03) pick(random, cluster.replicas).certificates.rotateNow()
    cluster.nowMs += stepMs
    const late = long || random() < 0.8 ? undefined : pick(random, cluster.replicas)
    for (const replica of [...cluster.replicas].sort(() => random() - 0.5)) {
      if (replica !== late) await replica.certificates.check()
      this.#look()
    }
  }

  #elect(next: Replica): void {
    for (const replica of this.cluster.replicas) replica.leads = replica === next
  }

  #fail(): void {
    if (this.#random() < this.#failing) throw kubeError(0, 'ConnectionFailed')
  }

  /** A request was done; its answer may be lost. */
  #done(): void {
    if (this.#playing) this.#look()
    this.#fail()
  }

  /** Every replica must be trusted by the bundle that is there now, and by those that some API server may still hold. */
  #look(): void {
    const { cluster } = this
    const bundle = cluster.bundle()
    const { nowMs } = cluster
    const last = this.#bundles.at(-1)
    if (last?.bundle !== bundle) {
      if (last !== undefined) last.untilMs = nowMs
      this.#bundles.push({ bundle, untilMs: Number.POSITIVE_INFINITY })
    }
    this.#bundles = this.#bundles.filter(({ untilMs }) => nowMs - untilMs < STALE_MS)
    for (const replica of cluster.replicas) {
      for (const held of this.#bundles) {
        const problem = trustProblem(cluster, replica, held.bundle)
        if (problem !== undefined) this.problems.push(`${new Date(nowMs).toISOString()}: ${problem}`)
      }
    }
  }
}

test('in a year and a half of failures and changes of leaders no API server meets a replica that it does not trust', async () => {
  for (let seed = 1; seed <= 3; seed += 1) {
    const years = new Years(seed)
    const { cluster } = years
    close = async () => cluster.close()
    await years.play(550 * DAY_MS)
    expect({ seed, problems: years.problems.slice(0, 3) }).toEqual({ seed, problems: [] })
    // Nine leaves of 60 days, with two CAs that were replaced.
    const served = new Set(cluster.replicas.flatMap((replica) => replica.served.map(({ cert }) => cert)))
    expect(served.size).toBeGreaterThanOrEqual(9)
    cluster.close()
  }
}, 300_000)
