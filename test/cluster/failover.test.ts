// A provider that fails, on a real cluster: two providers that are pods, and an application that asks without a pause through an official
// SDK, half of it for streams. One of the two is killed, hung, or refuses its key, and comes back. What must hold each time: not one
// request fails, the other provider answers, the sidecars say what they see, and the return is noticed within the circuit breaker's own times.
//
// A stream of which content has gone out already when its provider dies cannot be repeated by anybody: it ends with an error, as it
// must. The access log tells those from all others, so they are counted apart; the mock's streams are as short as they get. Nothing
// is hidden by the SDK's own retries either: every request that a sidecar did not answer is a line of its log.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { AccessLine, Try } from '../../cli/explain/access-line.ts'
import {
  anthropicTraffic,
  apply,
  type Counts,
  countsOfAll,
  type Manifest,
  mockProvider,
  moreAnswers,
  namespace,
  type PodAddress,
  podsOf,
  rolledOut,
  traffic,
} from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { eventually, type Patience } from './support/patience.ts'
import { signalPods } from './support/pod-processes.ts'
import { KEY, provider, secret } from './support/resources.ts'
import { metric, type ProviderState, providerState, SidecarLog } from './support/sidecars.ts'

const SHOP = 'failover-shop'
const MINUTES = 60_000
const OPEN_FOR_MS = 2000
/** Each probe that fails doubles the time that a circuit stays open, up to ten times; a busy machine gets as much again. */
const RECOVERED_WITHIN_MS = 2 * 10 * OPEN_FOR_MS
/** Requests under way: apps/traffic.ts has four callers, in two pods. What dies once can break off no more streams. */
const AT_ONCE_MAX = 8
/** The mock then answers with one word. */
const GOOD_KEY = 'sk-mock-words-1'
const ROTATED_KEY = 'sk-rotated-mock-words-1'
const REFUSED_KEY = 'invalid-key'

type Name = 'first' | 'second'
const OTHER: Readonly<Record<Name, Name>> = { first: 'second', second: 'first' }

const BREAKER = { circuitBreaker: { consecutiveFailures: 3, openFor: `${OPEN_FOR_MS}ms` } }

const installation = installationForTests({ namespaces: [SHOP] })

/** Who asks, and what they ask for. */
interface Application {
  name: string
  sdk: 'OpenAI' | 'Anthropic'
  operation: 'Chat' | 'Messages'
  priorities: Readonly<Record<Name, number>>
}

const SHOP_APP: Application = {
  ...{ name: 'shop', sdk: 'OpenAI', operation: 'Chat' },
  priorities: { first: 0, second: 1 },
}
const DESK_APP: Application = {
  ...{ name: 'desk', sdk: 'Anthropic', operation: 'Messages' },
  priorities: { first: 0, second: 0 },
}

/** The one that runs. */
let application = SHOP_APP
let pods: PodAddress[] = []
let logs: SidecarLog[] = []

beforeAll(async () => {
  const { cluster, images } = installation()
  await apply(cluster, namespace(SHOP), keyOf('first', GOOD_KEY), keyOf('second', GOOD_KEY))
  await apply(cluster, ...mockProvider('first', SHOP, images), ...mockProvider('second', SHOP, images))
  await rolledOut(cluster, SHOP, 'first', 'second')
}, 10 * MINUTES)

/** With providers and a route of its own. */
async function start(what: Application): Promise<void> {
  const { cluster, images } = installation()
  application = what
  await apply(cluster, llmProvider('first', BREAKER), llmProvider('second', BREAKER), llmRoute())
  const deployment = what.sdk === 'OpenAI' ? traffic : anthropicTraffic
  await eventually('the webhook admits pods', () =>
    apply(cluster, deployment(what.name, SHOP, images, 2)).then(() => true),
  )
  await rolledOut(cluster, SHOP, what.name)
  pods = await podsOf(cluster, SHOP, what.name)
  logs = pods.map(({ name }) => new SidecarLog(cluster, SHOP, name))
}

async function stop(): Promise<void> {
  await Promise.all(logs.splice(0).map((log) => log.close()))
  await installation().kubectl('delete', 'deployment', application.name, '--namespace', SHOP, '--ignore-not-found')
}

/** A test that fails must not leave a provider hung. */
afterEach(async () => {
  for (const name of ['first', 'second'] as const) signalPods('SIGCONT', await podOf(name))
})

function keyOf(name: Name, key: string): Manifest {
  return secret(SHOP, `${name}-key`, { [KEY]: key })
}

/** There is one for each API that the mock serves. */
function resourceName(name: Name): string {
  return `${name}-${application.name}`
}

function idOf(name: Name): string {
  return `${SHOP}/${resourceName(name)}`
}

function llmProvider(name: Name, more: object): Manifest {
  const url = `http://${name}.${SHOP}.svc:8789`
  const anthropic = { type: 'Anthropic', openAI: undefined, anthropic: { baseURL: url } }
  return provider(SHOP, resourceName(name), `${url}/v1`, {
    ...(application.sdk === 'Anthropic' && anthropic),
    credentials: [{ name: 'primary', secretRef: { name: `${name}-key`, key: KEY } }],
    timeouts: { connect: '1s', firstByte: '2s', idle: '2s' },
    ...more,
  })
}

function llmRoute(): Manifest {
  const { name: app, priorities } = application
  const backends = (['first', 'second'] as const).map((name) => ({
    ...{ provider: { name: resourceName(name) }, weight: 1, priority: priorities[name] },
  }))
  return {
    ...{ apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMRoute', metadata: { name: app, namespace: SHOP } },
    spec: { workloads: { matchLabels: { app } }, rules: [{ name: 'all', backends }] },
  }
}

async function podOf(name: Name): Promise<string> {
  return await eventually(`${name} has a pod`, async () => (await podsOf(installation().cluster, SHOP, name))[0]?.name)
}

/** Of the next answers: whose they are. */
async function answerers(): Promise<Name[]> {
  const before = await countsOfAll(pods)
  const { providers } = await moreAnswers(pods, 20)
  return (['first', 'second'] as const).filter((name) => {
    return (providers[idOf(name)] ?? 0) > (before.providers[idOf(name)] ?? 0)
  })
}

async function answeredBy(...names: readonly Name[]): Promise<void> {
  await eventually(`${names.join(' and ')} answer`, async () => (await answerers()).join() === names.join())
}

/** What each sidecar thinks of a provider. */
async function statesOf(name: Name): Promise<ProviderState[]> {
  return await Promise.all(pods.map((pod) => providerState(pod, idOf(name))))
}

async function everySidecar(
  what: string,
  name: Name,
  is: (state: ProviderState, index: number) => boolean,
  patience: Patience = {},
): Promise<void> {
  await eventually(`every sidecar: ${what}`, async () => (await statesOf(name)).every(is), patience)
}

function circuitOf({ circuits }: ProviderState) {
  return circuits.find(({ operation }) => operation === application.operation) ?? { state: 'Closed', opened: 0 }
}

/** `SERIES{provider="NAME",…}` in every sidecar. */
async function everyMetric(series: string, value: number): Promise<void> {
  await eventually(`${series} ${value}`, async () => {
    return (await Promise.all(pods.map((pod) => metric(pod, series)))).every((one) => one === value)
  })
}

interface Mark {
  counts: Counts
  lines: readonly number[]
}

async function mark(): Promise<Mark> {
  return { counts: await moreAnswers(pods, 5), lines: logs.map(({ access }) => access.length) }
}

function linesSince({ lines }: Mark): AccessLine[][] {
  return logs.map(({ access }, i) => access.slice(lines[i]))
}

/** In the log of each sidecar is a request that the provider did not answer for that reason, and that the other one did. */
async function everyLog(name: Name, since: Mark, what: string, is: (one: Try) => boolean): Promise<void> {
  await eventually(`every access log: ${what}`, () =>
    linesSince(since).every((lines) =>
      lines.some(({ tries, status }) => {
        const last = tries.at(-1)
        const notIt = tries.some((one) => one.provider === idOf(name) && is(one))
        return notIt && status === 200 && last?.provider === idOf(OTHER[name]) && last.outcome === 'Answered'
      }),
    ),
  )
}

/** Content had gone out when its provider fell silent. */
function isBrokenOff({ fault, status, stream }: AccessLine): boolean {
  return fault === 'provider' && status === 200 && stream === 'Streamed'
}

/** Since the mark; `seconds` is what is worth to be known of the time that things took. */
async function nothingFailed(since: Mark, seconds: Readonly<Record<string, number>>): Promise<void> {
  const after = await moreAnswers(pods, 50)
  const asked = after.answered + after.failed - since.counts.answered - since.counts.failed
  await eventually('the log is complete', () => linesSince(since).flat().length >= asked)
  const failures = linesSince(since)
    .flat()
    .filter(({ failure, status }) => failure !== undefined || status !== 200)
  const brokenOff = failures.filter(isBrokenOff)
  const failed = after.failed - since.counts.failed
  const figures = { asked, failed, brokenOff: brokenOff.length, ...seconds }
  process.stdout.write(`${expect.getState().currentTestName}: ${JSON.stringify(figures)}\n`)
  expect(failures.filter((line) => !isBrokenOff(line)).map(({ whole }) => whole)).toEqual([])
  expect(brokenOff.length).toBeLessThanOrEqual(AT_ONCE_MAX)
  const errors = failed === brokenOff.length ? [] : after.errors
  expect({ failed, errors }).toEqual({ failed: brokenOff.length, errors: [] })
}

function secondsSince(startMs: number): number {
  return Math.round((Date.now() - startMs) / 100) / 10
}

/** The Service has somebody behind it who answers, whatever it says. */
async function reachable(name: Name): Promise<void> {
  const { cluster, kubectl } = installation()
  await rolledOut(cluster, SHOP, name)
  const path = '{.spec.clusterIP}'
  const ip = await kubectl('get', 'service', name, '--namespace', SHOP, '--output', `jsonpath=${path}`)
  await eventually(`${name} can be reached`, async () => {
    const signal = AbortSignal.timeout(1000)
    return (await fetch(`http://${ip}:8789/`, { headers: { connection: 'close' }, signal })).status > 0
  })
}

interface Outage {
  begin(): Promise<void>
  /** Resolves when the provider is there again. */
  end(): Promise<void>
  reasons: readonly string[]
  /** How often the circuit opens before it ends: more than once where probes fail, too. */
  openings: number
}

async function survives(name: Name, { begin, end, reasons, openings }: Outage): Promise<void> {
  const asBefore = application === SHOP_APP ? (['first'] as const) : (['first', 'second'] as const)
  await answeredBy(...asBefore)
  const since = await mark()
  const before = (await statesOf(name)).map((state) => circuitOf(state).opened)
  await begin()
  const begun = Date.now()
  const opens = (state: ProviderState, i: number): boolean => circuitOf(state).opened >= (before[i] ?? 0) + openings
  await everySidecar('its circuit opens', name, opens)
  const circuitOpenedS = secondsSince(begun)
  await everyLog(name, since, 'tried in vain', ({ reason }) => reasons.includes(reason ?? ''))
  await everyLog(name, since, 'passed over', ({ outcome, word }) => outcome === 'Skipped' && word === 'CircuitOpen')
  await end()
  const back = Date.now()
  const isClosed = (state: ProviderState): boolean => circuitOf(state).state === 'Closed'
  await everySidecar('its circuit is closed', name, isClosed, { withinMs: RECOVERED_WITHIN_MS })
  const recoveredS = secondsSince(back)
  await answeredBy(...asBefore)
  await nothingFailed(since, { circuitOpenedS, recoveredS })
}

/** Of a process that is gone: what is open breaks, and nobody takes new connections. */
const GONE = ['ConnectFailure', 'ServerError', 'Timeout']

function deleted(name: Name): Outage {
  const { kubectl } = installation()
  const begin = async (): Promise<void> => {
    await kubectl('delete', 'pod', await podOf(name), '--namespace', SHOP, '--grace-period=0', '--force')
  }
  return { begin, end: () => reachable(name), reasons: GONE, openings: 1 }
}

function killed(name: Name): Outage {
  const begin = async (): Promise<void> => signalPods('SIGKILL', await podOf(name))
  return { begin, end: () => reachable(name), reasons: GONE, openings: 1 }
}

/** Still takes connections, as far as anybody can see. */
function hung(name: Name): Outage {
  const begin = async (): Promise<void> => signalPods('SIGSTOP', await podOf(name))
  const end = async (): Promise<void> => signalPods('SIGCONT', await podOf(name))
  return { begin, end, reasons: ['Timeout'], openings: 2 }
}

describe('with a second provider of lower priority, no request of OpenAI’s SDK fails', () => {
  beforeAll(() => start(SHOP_APP), 5 * MINUTES)
  afterAll(stop)

  test('when the pod of the first is deleted', () => survives('first', deleted('first')))

  test('when the process of the first is killed', () => survives('first', killed('first')))

  test('when the process of the first hangs', () => survives('first', hung('first')))

  test('when health checks alone find out that it hangs', async () => {
    const { cluster } = installation()
    const healthCheck = { interval: '1s', timeout: '500ms', unhealthyThreshold: 2 }
    const circuitBreaker = { consecutiveFailures: 0, errorPercent: 0 }
    const series = `outrigger_provider_healthy{provider="${idOf('first')}"}`
    await apply(cluster, llmProvider('first', { circuitBreaker, healthCheck }))
    await everySidecar('its checks pass', 'first', (state) => state.healthCheck?.state === 'Healthy')
    await answeredBy('first')
    const since = await mark()
    const { begin, end } = hung('first')
    await begin()
    const begun = Date.now()
    await everySidecar('its checks fail', 'first', (state) => state.healthCheck?.state === 'Unhealthy')
    const noticedS = secondsSince(begun)
    await everyMetric(series, 0)
    await everyLog('first', since, 'passed over', ({ word }) => word === 'Unhealthy')
    await answeredBy('second')
    await end()
    const back = Date.now()
    await everySidecar('its checks pass', 'first', (state) => state.healthCheck?.state === 'Healthy')
    const recoveredS = secondsSince(back)
    await everyMetric(series, 1)
    await answeredBy('first')
    await nothingFailed(since, { noticedS, recoveredS })
    await apply(cluster, llmProvider('first', BREAKER))
  })

  test('when its key is refused, and a rotated one is in use at once', async () => {
    const { cluster } = installation()
    const series = `outrigger_credential_available{provider="${idOf('first')}",credential="primary"}`
    const told = (msg: string): boolean[] => logs.map(({ application }) => application.some((one) => one.msg === msg))
    await answeredBy('first')
    await everyMetric(series, 1)
    const since = await mark()
    await apply(cluster, keyOf('first', REFUSED_KEY))
    await everySidecar('its key is set aside', 'first', ({ credentials }) => credentials[0]?.state === 'SetAside')
    await everyMetric(series, 0)
    await everyLog('first', since, 'refused', ({ status, reason }) => status === 401 && reason === 'ProviderRefused')
    await everyLog('first', since, 'passed over', ({ word }) => word === 'CredentialsSetAside')
    await eventually('an error is logged', () => told('credential set aside').every(Boolean))
    await answeredBy('second')
    await apply(cluster, keyOf('first', ROTATED_KEY))
    const rotated = Date.now()
    await everySidecar('its key is in use', 'first', ({ credentials }) => credentials[0]?.state === 'InUse')
    await answeredBy('first')
    const recoveredS = secondsSince(rotated)
    await everyMetric(series, 1)
    // So it says of one whose back-off was over.
    expect(told('credential in use again')).toEqual(pods.map(() => false))
    await nothingFailed(since, { recoveredS })
  })
})

describe('with a second provider of the same priority, no request of Anthropic’s SDK fails', () => {
  beforeAll(() => start(DESK_APP), 5 * MINUTES)
  afterAll(stop)

  test('when the process of one is killed', () => survives('second', killed('second')))

  test('when the process of one hangs', () => survives('second', hung('second')))
})
