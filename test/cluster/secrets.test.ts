// Provider keys on a real cluster: they are looked for everywhere, after traffic, after errors that repeat them, and after a
// rotation; and what the operator's token is good for is compared with a list. test/e2e/canary.test.ts does the former for a
// sidecar alone, and chart-rights.test.ts tries out what the list says.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Mock, startMock } from '../../mock/server.ts'
import { createKubeClient, type KubeClient, type KubeRequest } from '../../operator/kube/client.ts'
import {
  apply,
  type Manifest,
  moreAnswers,
  namespace,
  type PodAddress,
  podSpec,
  podsOf,
  rolledOut,
  traffic,
} from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { eventually } from './support/patience.ts'
import { OPERATOR_NAMESPACE, provideApp } from './support/product.ts'
import { KEY, KEYS, provider, secret, statusOf } from './support/resources.ts'
import { searchFor } from './support/spellings.ts'

const AI = 'secrets-ai'
const SHOP = 'secrets-shop'
const MINUTES = 60_000
/** Like no key, so that a redaction by pattern helps nobody, and with signs that every encoding spells its own way. */
const FIRST = 'canary/of+openai=83jf02&k%d~'
const SECOND = 'canary/of+openai=after-5jsk1'
const LEAKY = 'canary/of+leaky=77dkq2&l%d~'
const PROXY = 'outrigger:canary/of+proxy=1ks8d7'
const isLeak = searchFor([FIRST, SECOND, LEAKY, PROXY, 'canary/of+proxy=1ks8d7'])
const SIDECAR_PAGES = [
  ...['/livez?verbose', '/readyz?verbose', '/startupz?verbose', '/metrics', '/metrics.json', '/status', '/config'],
  ...['/health', '/health/detailed', '/health/providers', '/health/live', '/health/ready', '/health/quick'],
]

const installation = installationForTests({
  values: { logLevel: 'debug', 'injection.logLevel': 'debug' },
  namespaces: [AI, SHOP],
})
let leaky: Mock
let proxy: LeakyProxy
let pods: PodAddress[] = []
let folder: string

/** Everything that came out, by where. */
const out: { where: string; text: string }[] = []

beforeAll(async () => {
  const { cluster, images, provider: mock } = installation()
  folder = await mkdtemp(path.join(tmpdir(), 'outrigger-secrets-'))
  leaky = await startMock({ host: cluster.place.server.hostname, always: { 'echo-key': '', status: '422' } })
  proxy = await startLeakyProxy(cluster.place.server.hostname)
  const sdks = await provideApp(cluster, 'sdks')
  await apply(cluster, namespace(AI), namespace(SHOP))
  const open = { access: { namespaces: { from: 'All' } } }
  const keyOf = (key: string, model: string): object => ({
    ...{ credentials: [{ name: 'primary', secretRef: { name: KEYS, key } }], models: [{ name: model }] },
    ...open,
  })
  const egressProxy = { url: proxy.url, credentialsRef: { name: KEYS, key: 'proxy' } }
  await apply(
    cluster,
    secret(AI, KEYS, { [KEY]: FIRST, leaky: LEAKY, proxy: PROXY }),
    provider(AI, 'openai', `${mock.url}/v1`, open),
    provider(AI, 'leaky', `${leaky.url}/v1`, keyOf('leaky', 'leaky')),
    provider(AI, 'proxied', 'http://llm.example/v1', { ...keyOf(KEY, 'proxied'), egressProxy }),
  )
  const applications = [traffic('shop', SHOP, images), failing('failing', sdks)]
  await eventually('the webhook admits pods', () => apply(cluster, ...applications).then(() => true))
  await rolledOut(cluster, SHOP, 'shop')
  pods = await podsOf(cluster, SHOP, 'shop')
}, 10 * MINUTES)

afterAll(async () => {
  await leaky?.close()
  proxy?.close()
  await rm(folder, { recursive: true, force: true })
})

interface LeakyProxy {
  url: string
  /** What was sent as `proxy-authorization`, decoded. */
  credentials: string[]
  close(): void
}

/** Refuses everybody, and repeats what it was shown. */
async function startLeakyProxy(host: string): Promise<LeakyProxy> {
  const credentials: string[] = []
  const server = createServer()
  server.on('connect', ({ headers }, socket) => {
    const shown = headers['proxy-authorization'] ?? ''
    const decoded = Buffer.from(shown.replace(/^Basic /, ''), 'base64').toString('utf8')
    credentials.push(decoded)
    const body = `not good: ${shown} is ${decoded}`
    socket.end(`HTTP/1.1 407 Not ${decoded}\r\nx-shown: ${shown}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  await once(server.listen(0, host), 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://${host}:${port}`, credentials, close: () => void server.close() }
}

/** Asks providers that repeat the key, or that cannot be reached, and logs all that it gets. */
function failing(name: string, image: string): Manifest {
  const args = ['--tries', '2', 'openai:leaky', 'openai:proxied']
  const template = {
    metadata: { labels: { 'outrigger.dev/inject': 'true' } },
    spec: podSpec({ name: 'app', image, args }, { restartPolicy: 'Never' }),
  }
  const spec = { backoffLimit: 0, template }
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: SHOP }, spec }
}

function note(where: string, text: string): void {
  out.push({ where, text })
}

interface List {
  items: { kind: string; metadata: { name: string; namespace?: string } }[]
}

/** Every object that the API server lists, with who wrote which field. */
async function noteObjects(): Promise<void> {
  const { kubectl, read } = installation()
  const kinds = await kubectl('api-resources', '--verbs=list,get', '--output=name')
  const { items } = await read<List>(
    ...['get', kinds.trim().split('\n').join(','), '--all-namespaces', '--show-managed-fields'],
  )
  for (const item of items) {
    const { kind, metadata } = item
    note(`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, JSON.stringify(item))
  }
}

async function noteLogs(): Promise<void> {
  const { kubectl, read } = installation()
  for (const where of [OPERATOR_NAMESPACE, SHOP]) {
    const { items } = await read<List>('get', 'pods', '--namespace', where)
    for (const { metadata } of items) {
      const at = ['--namespace', where, '--all-containers', '--prefix']
      note(`log of ${metadata.name}`, await kubectl('logs', metadata.name, ...at))
    }
  }
}

async function notePages(): Promise<void> {
  const { read } = installation()
  const pagesOf = async (ip: string, port: number, paths: readonly string[]): Promise<void> => {
    for (const page of paths) {
      const response = await fetch(`http://${ip}:${port}${page}`)
      note(`${ip}:${port}${page}`, `${JSON.stringify([...response.headers])}\n${await response.text()}`)
    }
  }
  for (const { ip } of pods) await pagesOf(ip, 8788, SIDECAR_PAGES)
  const operators = await read<{ items: { status: { podIP: string } }[] }>(
    ...['get', 'pods', '--namespace', OPERATOR_NAMESPACE],
  )
  for (const { status } of operators.items)
    await pagesOf(status.podIP, 8080, ['/metrics', '/readyz?verbose', '/health'])
}

function used(mock: Mock, key: string): Promise<unknown> {
  return mock.waitFor(({ rawHeaders }) => rawHeaders.includes(`Bearer ${key}`))
}

describe('a provider’s key', () => {
  test('is used by the sidecars', async () => {
    const { provider: mock, kubectl } = installation()
    await used(mock, FIRST)
    await used(leaky, LEAKY)
    await eventually('the proxy is shown its own', () => proxy.credentials.includes(PROXY))
    await kubectl('wait', 'job/failing', '--for=condition=Failed', '--namespace', SHOP, '--timeout=120s')
  })

  test('is rotated under traffic, and then in use no more', async () => {
    const { cluster, provider: mock } = installation()
    const before = await moreAnswers(pods, 5)
    await apply(cluster, secret(AI, KEYS, { [KEY]: SECOND, leaky: LEAKY, proxy: PROXY }))
    await used(mock, SECOND)
    await eventually('the first is out of use', async () => {
      mock.clear()
      await moreAnswers(pods, 20)
      return mock.requests.length > 0 && !mock.requests.some(({ rawHeaders }) => rawHeaders.includes(`Bearer ${FIRST}`))
    })
    const openai = { kind: 'LLMProvider', namespace: AI, name: 'openai' } as const
    await eventually('the status knows', async () => (await statusOf(installation(), openai)).sidecars?.outdated === 0)
    const after = await moreAnswers(pods, 5)
    expect({ failed: after.failed, errors: after.errors }).toEqual({ failed: before.failed, errors: before.errors })
  })

  test('is nowhere but in its own Secret, and in that of the namespaces that may use it', async () => {
    await noteObjects()
    await noteLogs()
    await notePages()
    expect(out.filter(({ text }) => isLeak(text)).map(({ where }) => where)).toEqual([
      `Secret ${AI}/${KEYS}`,
      `Secret ${SHOP}/outrigger-credentials`,
    ])
  })

  test('is found however it is spelled', () => {
    const inside = Buffer.from(`{"key": "${FIRST}"}`)
    const spelled = [FIRST, encodeURIComponent(FIRST), inside.toString('base64'), inside.toString('hex')]
    expect(spelled.filter((text) => !isLeak(`before ${text} after`))).toEqual([])
    expect(isLeak('canary')).toBe(false)
  })

  test('was looked for in what there is', () => {
    const names = out.map(({ where }) => where)
    const kinds = new Set(names.map((where) => where.split(' ')[0]))
    expect([...kinds]).toEqual(
      expect.arrayContaining(['ConfigMap', 'Event', 'Pod', 'LLMProvider', 'Lease', 'ReplicaSet', 'log']),
    )
    expect(names).toEqual(expect.arrayContaining([`ConfigMap ${SHOP}/outrigger-config`, `${pods[0]?.ip}:8788/config`]))
    const failed = out.find(({ where }) => where.startsWith('log of failing'))?.text ?? ''
    expect(failed).toMatch(/422 Incorrect API key provided: \*+.*OPENAI_BASE_URL/s)
    expect(out.filter(({ text }) => text.length === 0).map(({ where }) => where)).toEqual([])
  })
})

/** What RBAC gives the operator: verbs by resource, or by one named object. */
const EVERYWHERE = [
  'configmaps/outrigger-limits: create delete get patch',
  'configmaps: list watch',
  ...['', '-1', '-2', '-3', '-4', '-5', '-6', '-7'].map((n) => `configmaps/outrigger-config${n}: create delete patch`),
  'events.events.k8s.io: create',
  'llmproviders.outrigger.dev: list watch',
  'llmproviders/status.outrigger.dev: patch',
  'llmroutes.outrigger.dev: list watch',
  'llmroutes/status.outrigger.dev: patch',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io/outrigger-injection: get patch watch',
  'namespaces: list watch',
  'pods: list patch watch',
  'secrets: get list watch',
  'secrets/outrigger-credentials: create delete patch',
]
const AT_HOME = [
  'leases.coordination.k8s.io: create',
  'leases.coordination.k8s.io/outrigger-operator: get update watch',
  'secrets: create',
  'secrets/outrigger-webhook-tls: get update watch',
]

interface Rule {
  verbs: string[]
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
}

function linesOf({ verbs, apiGroups, resources, resourceNames = [''] }: Rule): string[] {
  return resources.flatMap((resource) =>
    apiGroups.flatMap((group) =>
      resourceNames.map((name) => {
        const what = `${resource}${group && `.${group}`}${name && `/${name}`}`
        return `${what}: ${verbs.toSorted().join(' ')}`
      }),
    ),
  )
}

interface Review {
  status: { incomplete: boolean; resourceRules: Rule[] }
}

/** Without what everybody may: ask about themselves. */
async function rightsIn(operator: KubeClient, where: string): Promise<string[]> {
  const { status } = await operator.request<Review>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: where } },
  })
  expect(status.incomplete).toBe(false)
  const lines = status.resourceRules.flatMap(linesOf).filter((each) => !/^selfsubject/.test(each))
  return [...new Set(lines)].sort()
}

describe('the operator’s token', () => {
  let operator: KubeClient
  const core = `/api/v1/namespaces/${SHOP}`
  /** Of a pod that runs, with a sidecar. */
  const inPod = (what: string): string => `${core}/pods/${pods[0]?.name}${what}`

  beforeAll(async () => {
    const { kubectl, read } = installation()
    const token = (await kubectl('create', 'token', 'outrigger', '--namespace', OPERATOR_NAMESPACE)).trim()
    const config = await read<{ users: [{ user: object }] }>('config', 'view', '--raw')
    config.users[0].user = { token }
    const kubeconfig = path.join(folder, 'operator')
    await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
    operator = createKubeClient({ kubeconfig, userAgent: 'outrigger-test' })
  })

  afterAll(() => operator?.close())

  test('is good for this, and for nothing else', async () => {
    expect(await rightsIn(operator, SHOP)).toEqual([...EVERYWHERE].sort())
    expect(await rightsIn(operator, 'kube-system')).toEqual([...EVERYWHERE].sort())
    expect(await rightsIn(operator, OPERATOR_NAMESPACE)).toEqual([...EVERYWHERE, ...AT_HOME].sort())
  })

  test('changes no image of a running pod, not even of the sidecar', async () => {
    const body = [{ op: 'replace', path: '/spec/initContainers/0/image', value: 'example.com/other:1' }]
    const change = operator.request({
      ...{ method: 'PATCH', path: inPod(''), contentType: 'application/json-patch+json', body },
    })
    await expect(change).rejects.toThrow('the operator of Outrigger may not change the spec of a pod')
  })

  test.each<[string, () => KubeRequest]>([
    ['runs no command in a pod', () => ({ method: 'POST', path: inPod('/exec'), query: { command: 'true' } })],
    ['attaches to no container', () => ({ method: 'POST', path: inPod('/attach') })],
    ['puts no container into a pod', () => merge(inPod('/ephemeralcontainers'))],
    ['gives a pod no other resources', () => merge(inPod('/resize'))],
    ['reads no log', () => ({ method: 'GET', path: inPod('/log') })],
    ['drives no pod out', () => ({ method: 'POST', path: inPod('/eviction'), body: {} })],
    ['makes no pod', () => ({ method: 'POST', path: `${core}/pods`, body: {} })],
    ['makes no token', () => ({ method: 'POST', path: `${core}/serviceaccounts/default/token`, body: {} })],
  ])('%s', async (_, request) => {
    await expect(operator.request(request())).rejects.toThrow(/ cannot (create|patch|get) resource /)
  })
})

function merge(path: string): KubeRequest {
  return { method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { metadata: {} } }
}
