// Every reason that a condition may give, produced on a real cluster: a row says which resources lead to it, which condition of
// which object then says what, and which event is told. Then what providers open to some namespaces mean for the others.
import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  type ConditionReason,
  type ConditionStatus,
  type ConditionType,
  STATE_REASONS,
} from '../../operator/api/condition.ts'
import { REASONS } from '../../operator/api/reason.ts'
import { apply, type Manifest, namespace, podSpec, rolledOut, traffic } from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { eventually } from './support/patience.ts'
import { NODE_IP } from './support/place.ts'
import { pidOf } from './support/processes.ts'
import {
  conditionOf,
  eventsOf,
  KEY,
  KEYS,
  provider,
  type Reported,
  type RouteOptions,
  route,
  secret,
  statusOf,
  verdictOf,
} from './support/resources.ts'

/** Nobody runs there. */
const EMPTY = 'conditions-empty'
/** One application runs there. */
const SHOP = 'conditions-shop'
/** One pod is said to run there, at an address where nobody answers. */
const LOST = 'conditions-lost'
/** Pods wait for a node there: what is published for them is all that matters. */
const LARGE = 'conditions-large'
const GUEST = 'conditions-guest'
/** With providers for others. */
const AI = 'conditions-ai'

const MINUTES = 60_000
/** Nobody connects to it. */
const ELSEWHERE = 'https://llm.example/v1'
const DAMAGED = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const PRICE = { inputPerMillion: '1', outputPerMillion: '2' }
const COST_A_DAY = { name: 'day', what: 'Cost', limit: '20', window: '1d' }
/** A Secret may hold 1 MiB; what is published keeps below. */
const LARGE_BYTES = 950 * 1024

const installation = installationForTests({ namespaces: [EMPTY, SHOP, LOST, LARGE, GUEST, AI] })

interface Case {
  reason: ConditionReason
  of: Reported
  says: `${ConditionType} ${ConditionStatus}`
  message: RegExp
  /** Absent where nothing may be told; `Any` where it depends on who is faster. */
  event?: 'Normal' | 'Warning' | 'Any'
  /** Not those that another row has. */
  objects?: readonly Manifest[]
  /** What no resource alone can bring about. */
  arrange?(): Promise<void>
  restore?(): Promise<void>
}

function providerOf(where: string, name: string): Reported {
  return { kind: 'LLMProvider', namespace: where, name }
}

function routeOf(where: string, name: string): Reported {
  return { kind: 'LLMRoute', namespace: where, name }
}

function to(target: string, where = EMPTY, model?: string): RouteOptions {
  return { backends: [{ provider: { name: target, namespace: where }, ...(model !== undefined && { model }) }] }
}

/** As `to`, and what is spent is counted. */
function budgeted(target: string, budget: object = {}): RouteOptions & { budgets: readonly object[] } {
  return { ...to(target), budgets: [{ name: 'month', amount: '500', window: 'Month', ...budget }] }
}

function keyFrom(name: string, key: string): object {
  return { credentials: [{ name: 'primary', secretRef: { name, key } }] }
}

/** Asks for a sidecar, and for a node that there is not. */
function waitingPod(where: string): Manifest {
  const metadata = { name: 'waits', namespace: where, labels: { 'outrigger.dev/inject': 'true' } }
  const container = { name: 'app', image: 'localhost/none:test' }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(container, { nodeSelector: { nowhere: 'true' } }) }
}

const CASES: readonly Case[] = [
  {
    ...{ reason: 'Accepted', of: providerOf(EMPTY, 'sound'), says: 'Accepted True', message: /^Every field/ },
    objects: [provider(EMPTY, 'sound', ELSEWHERE)],
  },
  {
    ...{ reason: 'ResolvedRefs', of: routeOf(EMPTY, 'sound'), says: 'ResolvedRefs True', message: /^Every reference/ },
    objects: [route(EMPTY, 'sound', to('sound'))],
  },
  {
    ...{ reason: 'NoSidecars', of: routeOf(EMPTY, 'sound'), says: 'Programmed True' },
    message: /^No running sidecar is concerned$/,
  },
  {
    ...{ reason: 'Programmed', of: providerOf(SHOP, 'served'), says: 'Programmed True', event: 'Any' },
    message: /^1 of 1 sidecars run it$/,
    objects: [provider(SHOP, 'served', ELSEWHERE)],
  },
  {
    ...{ reason: 'Pending', of: providerOf(SHOP, 'pending'), says: 'Programmed False', event: 'Normal' },
    message: /^0 of 1 sidecars run it, 1 not yet$/,
    // The kubelet brings documents to pods.
    arrange: async () => {
      await signalKubelet('SIGSTOP')
      await apply(installation().cluster, provider(SHOP, 'pending', ELSEWHERE))
    },
    restore: () => signalKubelet('SIGCONT'),
  },
  {
    ...{ reason: 'SidecarsUnreachable', of: providerOf(LOST, 'lost'), says: 'Programmed Unknown', event: 'Warning' },
    message: /^0 of 1 sidecars run it, 1 cannot be asked \(conditions-lost\/waits: .*ECONNREFUSED/,
    objects: [provider(LOST, 'lost', ELSEWHERE), waitingPod(LOST)],
    arrange: sayThatItRuns,
  },
  {
    ...{ reason: 'SecretNotFound', of: providerOf(EMPTY, 'no-secret'), says: 'ResolvedRefs False', event: 'Warning' },
    message: /^spec\.credentials\[0\]\.secretRef\.name: Secret conditions-empty\/nowhere does not exist/,
    objects: [provider(EMPTY, 'no-secret', ELSEWHERE, keyFrom('nowhere', KEY))],
  },
  {
    ...{ reason: 'SecretKeyNotFound', of: providerOf(EMPTY, 'no-key'), says: 'ResolvedRefs False', event: 'Warning' },
    message:
      /^spec\.credentials\[0\]\.secretRef\.key: Secret conditions-empty\/keys has no key "none"; it has: api-key$/,
    objects: [provider(EMPTY, 'no-key', ELSEWHERE, keyFrom(KEYS, 'none'))],
  },
  {
    ...{ reason: 'InvalidSecretType', of: providerOf(EMPTY, 'opaque'), says: 'ResolvedRefs False', event: 'Warning' },
    message: /^spec\.tls\.clientCertificateRef\.name: Secret conditions-empty\/keys is of type Opaque/,
    objects: [provider(EMPTY, 'opaque', ELSEWHERE, { tls: { clientCertificateRef: { name: KEYS } } })],
  },
  {
    ...{ reason: 'InvalidCertificate', of: providerOf(EMPTY, 'damaged'), says: 'Accepted False', event: 'Warning' },
    message: /^spec\.tls\.caBundle: /,
    objects: [provider(EMPTY, 'damaged', ELSEWHERE, { tls: { caBundle: DAMAGED } })],
  },
  {
    // Admission knows addresses by their characters only; most other values it refuses (test/operator/compile/invalid-field.test.ts).
    ...{ reason: 'InvalidField', of: providerOf(EMPTY, 'no-address'), says: 'Accepted False', event: 'Warning' },
    message: /^spec\.openAI\.baseURL: "https:\/\/\[1::2::3\]\/v1" is not/,
    objects: [provider(EMPTY, 'no-address', 'https://[1::2::3]/v1')],
  },
  {
    ...{ reason: 'PriceUnknown', of: providerOf(EMPTY, 'unpriced'), says: 'Accepted False', event: 'Warning' },
    message: /^spec\.limits\[0\]: there is no price for chat, and limit "day" cannot count without one: /,
    objects: [provider(EMPTY, 'unpriced', ELSEWHERE, { limits: [COST_A_DAY] })],
  },
  {
    ...{ reason: 'PriceUnknown', of: routeOf(EMPTY, 'unpriced'), says: 'Accepted False', event: 'Warning' },
    message:
      /^spec\.rules\[0\]\.backends\[0\]: LLMProvider conditions-empty\/sound has no price for chat, and budget "month" cannot/,
    objects: [route(EMPTY, 'unpriced', budgeted('sound'))],
  },
  {
    ...{ reason: 'NoCheaperBackend', of: routeOf(EMPTY, 'one-price'), says: 'Accepted False', event: 'Warning' },
    message: /^spec\.rules\[0\]\.budgets\[0\]\.onExhausted: budget "month" holds nothing: /,
    objects: [
      provider(EMPTY, 'priced', ELSEWHERE, { models: [{ name: 'chat', price: PRICE }] }),
      route(EMPTY, 'one-price', budgeted('priced', { onExhausted: 'Fallback' })),
    ],
  },
  {
    ...{ reason: 'ProviderUnusable', of: providerOf(EMPTY, 'no-secret'), says: 'Programmed False', event: 'Warning' },
    message: /^spec: No sidecar is given this provider .*: SecretNotFound$/,
  },
  {
    ...{ reason: 'ProviderUnusable', of: routeOf(EMPTY, 'unusable'), says: 'ResolvedRefs False', event: 'Warning' },
    message:
      /^spec\.rules\[0\]\.backends\[0\]\.provider: LLMProvider conditions-empty\/no-secret cannot be used: SecretNotFound/,
    objects: [route(EMPTY, 'unusable', to('no-secret'))],
  },
  {
    ...{ reason: 'ProviderNotFound', of: routeOf(EMPTY, 'nobody'), says: 'ResolvedRefs False', event: 'Warning' },
    message: /^spec\.rules\[0\]\.backends\[0\]\.provider: LLMProvider conditions-empty\/nobody does not exist/,
    objects: [route(EMPTY, 'nobody', to('nobody'))],
  },
  {
    ...{ reason: 'RuleUnavailable', of: routeOf(EMPTY, 'nobody'), says: 'Programmed False', event: 'Warning' },
    message: /^spec\.rules\[0\]\.backends: Requests that rule "all" matches are answered with 503\. .*ProviderNotFound/,
  },
  {
    ...{ reason: 'ModelNotFound', of: routeOf(EMPTY, 'no-model'), says: 'ResolvedRefs False', event: 'Warning' },
    message:
      /^spec\.rules\[0\]\.backends\[0\]\.model: LLMProvider conditions-empty\/sound has no model "none"; it has: chat$/,
    objects: [route(EMPTY, 'no-model', to('sound', EMPTY, 'none'))],
  },
  {
    ...{ reason: 'RefNotPermitted', of: routeOf(GUEST, 'closed'), says: 'ResolvedRefs False', event: 'Warning' },
    message:
      /^spec\.rules\[0\]\.backends\[0\]\.provider: LLMProvider conditions-ai\/closed does not admit namespace conditions-guest;/,
    objects: [route(GUEST, 'closed', to('closed', AI))],
  },
  {
    ...{ reason: 'ConfigTooLarge', of: providerOf(LARGE, 'large'), says: 'Programmed False', event: 'Warning' },
    message:
      /^spec: The credentials of namespace conditions-large would take 9\d{5} bytes of 921600: sidecars keep the last one/,
    objects: [provider(LARGE, 'large', ELSEWHERE), waitingPod(LARGE)],
    arrange: growSecret,
  },
]

beforeAll(async () => {
  const { cluster, images } = installation()
  await apply(cluster, ...[EMPTY, SHOP, LOST, LARGE, GUEST, AI].map((name) => namespace(name)))
  const keys = [EMPTY, SHOP, LOST, LARGE].map((name) => secret(name, KEYS, { [KEY]: `sk-of-${name}` }))
  const closed = { from: 'Same' }
  const open = { from: 'All' }
  const chosen = { from: 'Selector', selector: { matchLabels: { ai: 'allowed' } } }
  const forOthers = Object.entries({ closed, open, chosen }).map(([name, namespaces]) =>
    provider(AI, name, ELSEWHERE, { ...keyFrom(KEYS, name), access: { namespaces } }),
  )
  await apply(
    cluster,
    ...keys,
    secret(AI, KEYS, { closed: 'sk-closed', open: 'sk-open', chosen: 'sk-chosen' }),
    ...forOthers,
    ...['open', 'chosen'].map((name) => route(GUEST, name, to(name, AI))),
    traffic('shop', SHOP, images),
  )
  const objects = [...CASES.flatMap((row) => row.objects ?? []), waitingPod(GUEST)]
  await eventually('the webhook admits pods', () => apply(cluster, ...objects).then(() => true))
  await rolledOut(cluster, SHOP, 'shop')
}, 10 * MINUTES)

/** Its watches stay open, so it goes on where it was. */
async function signalKubelet(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const pid = await pidOf(installation().cluster.place, 'kubelet')
  if (pid === undefined) throw new Error('the kubelet does not run')
  process.kill(pid, signal)
}

async function sayThatItRuns(): Promise<void> {
  const running = { startedAt: '2026-11-21T12:00:00Z' }
  const sidecar = { name: 'outrigger', ready: true, started: true, restartCount: 0, image: '', imageID: '' }
  const status = {
    ...{ phase: 'Running', podIP: NODE_IP, podIPs: [{ ip: NODE_IP }] },
    initContainerStatuses: [{ ...sidecar, state: { running } }],
  }
  const patch = JSON.stringify({ status })
  await installation().kubectl(
    ...['patch', 'pod', 'waits', '--namespace', LOST, '--subresource=status', '--type=merge', `--patch=${patch}`],
  )
}

async function growSecret(): Promise<void> {
  const { cluster, kubectl } = installation()
  await kubectl('wait', 'configmap/outrigger-config', '--for=create', '--namespace', LARGE, '--timeout=60s')
  const input = JSON.stringify(secret(LARGE, KEYS, { [KEY]: 'k'.repeat(LARGE_BYTES) }))
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '--filename=-'], { input })
}

describe('a condition says, and an event tells', () => {
  test('all reasons that there are have a row', () => {
    const rows = new Set(CASES.map(({ reason }) => reason))
    expect([...rows].sort()).toEqual([...Object.keys(STATE_REASONS), ...Object.keys(REASONS)].sort())
  })

  test.each(CASES)('$reason ($of.kind: $says)', async ({ reason, of, says, message, event, arrange, restore }) => {
    const [type, status] = says.split(' ') as [ConditionType, ConditionStatus]
    try {
      await arrange?.()
      await eventually(says, async () => (await verdictOf(installation(), of, type)) === `${status} ${reason}`)
      const condition = await conditionOf(installation(), of, type)
      expect(condition?.message).toMatch(message)
      expect(condition?.observedGeneration).toBe((await statusOf(installation(), of)).observedGeneration)
      await expectEvent(of, reason, event)
    } finally {
      await restore?.()
    }
  })
})

async function expectEvent(of: Reported, reason: ConditionReason, expected: Case['event']): Promise<void> {
  const told = async () => (await eventsOf(installation(), of)).filter((each) => each.reason === reason)
  if (expected === undefined) expect(await told()).toEqual([])
  if (expected === undefined || expected === 'Any') return
  const [event] = await eventually('an event', async () => {
    const events = await told()
    return events.length > 0 && events
  })
  expect(event?.type).toBe(expected)
}

describe('what was wrong is right again', () => {
  test('when the kubelet goes on', async () => {
    const pending = providerOf(SHOP, 'pending')
    await eventually(
      'Programmed',
      async () => (await verdictOf(installation(), pending, 'Programmed')) === 'True Programmed',
    )
    await expectEvent(pending, 'Programmed', 'Normal')
  })

  test('when the Secret is there, for the provider and for routes that name it', async () => {
    await apply(installation().cluster, secret(EMPTY, 'nowhere', { [KEY]: 'sk-late' }))
    for (const object of [providerOf(EMPTY, 'no-secret'), routeOf(EMPTY, 'unusable')]) {
      await eventually(
        object.kind,
        async () => (await verdictOf(installation(), object, 'ResolvedRefs')) === 'True ResolvedRefs',
      )
      await eventually(
        object.kind,
        async () => (await verdictOf(installation(), object, 'Programmed')) === 'True NoSidecars',
      )
      await expectEvent(object, 'ResolvedRefs', 'Normal')
    }
  })

  test('when the credentials fit again; meanwhile the last ones stayed', async () => {
    const { cluster } = installation()
    expect(await credentialsOf(LARGE)).toMatchObject({ 'conditions-large.large.primary': `sk-of-${LARGE}` })
    const input = JSON.stringify(secret(LARGE, KEYS, { [KEY]: 'sk-small' }))
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '--filename=-'], { input })
    const large = providerOf(LARGE, 'large')
    await eventually(
      'it fits',
      async () => (await verdictOf(installation(), large, 'Programmed')) === 'True NoSidecars',
    )
    expect(await credentialsOf(LARGE)).toMatchObject({ 'conditions-large.large.primary': 'sk-small' })
  })
})

describe('a namespace that may use some providers', () => {
  const resolved = (name: string) => verdictOf(installation(), routeOf(GUEST, name), 'ResolvedRefs')

  test('is given those that are open to it, and no key of another', async () => {
    await eventually('one is', async () => (await resolved('open')) === 'True ResolvedRefs')
    await eventually('the others are not', async () => (await resolved('chosen')) === 'False RefNotPermitted')
    expect(await resolved('closed')).toBe('False RefNotPermitted')
    expect(await credentialsOf(GUEST)).toEqual({ 'conditions-ai.open.primary': 'sk-open' })
  })

  test('is told of no provider that it may not use, but by the name that it said itself', async () => {
    const refused = await conditionOf(installation(), routeOf(GUEST, 'closed'), 'ResolvedRefs')
    expect(refused?.message).not.toMatch(/chosen|\bopen\b/)
    await apply(installation().cluster, route(GUEST, 'guess', to('guess', AI)))
    await eventually('a guess leads nowhere', async () => (await resolved('guess')) === 'False ProviderNotFound')
    const guessed = await conditionOf(installation(), routeOf(GUEST, 'guess'), 'ResolvedRefs')
    expect(guessed?.message).toMatch(/open to namespace conditions-guest: conditions-ai\/open$/)
  })

  test('is given another as soon as a label of the namespace admits it, and loses it with the label', async () => {
    const { kubectl } = installation()
    await kubectl('label', 'namespace', GUEST, 'ai=allowed')
    await eventually('it is admitted', async () => (await resolved('chosen')) === 'True ResolvedRefs')
    const both = { 'conditions-ai.chosen.primary': 'sk-chosen', 'conditions-ai.open.primary': 'sk-open' }
    expect(await credentialsOf(GUEST)).toEqual(both)
    expect(await resolved('closed')).toBe('False RefNotPermitted')
    await kubectl('label', 'namespace', GUEST, 'ai-')
    await eventually('it is refused', async () => (await resolved('chosen')) === 'False RefNotPermitted')
    expect(await credentialsOf(GUEST)).toEqual({ 'conditions-ai.open.primary': 'sk-open' })
  })

  test('keeps neither keys nor configuration when its last pod is gone', async () => {
    const { kubectl } = installation()
    await kubectl('delete', 'pod', 'waits', '--namespace', GUEST)
    for (const what of ['secret/outrigger-credentials', 'configmap/outrigger-config']) {
      await kubectl('wait', what, '--for=delete', '--namespace', GUEST, '--timeout=60s')
    }
  })
})

/** What is published to a namespace: keys by file, without the version of their Secret. */
async function credentialsOf(where: string): Promise<Record<string, string>> {
  const { data } = await installation().read<{ data: Record<string, string> }>(
    ...['get', 'secret', 'outrigger-credentials', '--namespace', where],
  )
  return Object.fromEntries(
    Object.entries(data).map(([file, value]) => [
      file.replace(/\.[^.]+$/, ''),
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  )
}
