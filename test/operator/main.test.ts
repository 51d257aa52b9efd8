// The operator's process, without a process: real sockets to an API server that is a fake, to a sidecar's admin address, and
// from a probe. What it does with the cluster, operator.test.ts shows.
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { type Operator, OperatorInputError, startOperator } from '../../operator/main.ts'
import { OPERATOR_FLAGS, type OperatorSettings } from '../../operator/settings.ts'
import { type FakeApiserver, startFakeApiserver } from '../support/fake-apiserver.ts'
import { IMAGE, publishedDocument } from '../support/fake-node.ts'
import { folderForTests } from '../support/folder.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { llmProvider, llmRoute, ruleTo } from '../support/resources.ts'
import { apply, conditionOf, namespace, placeOf, secret } from './cluster-in-process.ts'

/** An address of loopback that nobody else in the tests listens on: the port is the contract's. */
const POD_IP = '127.88.7.88'

const folder = folderForTests()
const ended: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

function settings(kubeconfig: string, change: Partial<OperatorSettings> = {}): OperatorSettings {
  const defaults = Object.entries(OPERATOR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
  const own = { kubeconfig, admin: { host: '127.0.0.1', port: 0 }, injectionMode: 'Off' }
  return { ...(Object.fromEntries(defaults) as OperatorSettings), ...own, ...change } as OperatorSettings
}

async function apiserver(): Promise<FakeApiserver> {
  const started = await startFakeApiserver()
  ended.push(() => started.close())
  return started
}

async function operator(own: OperatorSettings): Promise<Operator> {
  const started = await startOperator({ settings: own, version: '1', log: recordedLog() })
  ended.push(() => started.stop())
  return started
}

async function probe({ adminPort }: Operator, page: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${adminPort}/${page}`)).status
}

async function eventually(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await sleep(20)
}

/** Runs whatever is published, as soon as it is. */
async function sidecar(fake: FakeApiserver): Promise<Server> {
  const server = createServer((_request, response) => {
    const text = publishedDocument(fake.store, 'shop')
    const revision = text === undefined ? null : JSON.parse(text).revision
    response.end(JSON.stringify({ revision, complete: revision !== null }))
  })
  await new Promise<void>((resolve) => server.listen(8788, POD_IP, resolve))
  ended.push(() => new Promise((resolve) => server.close(resolve)))
  return server
}

test('publishes, asks the sidecars, and says what it found', async () => {
  const fake = await apiserver()
  await sidecar(fake)
  const credentials = [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' }, weight: 1 }]
  const access = { namespaces: { from: 'All' as const } }
  for (const object of [
    ...[namespace('ai'), namespace('shop'), secret('ai/keys', { 'api-key': 'k' })],
    ...[llmProvider('ai/openai', { credentials, access }), llmRoute('shop/chat', [ruleTo('ai/openai')])],
  ]) {
    apply(fake.store, object)
  }
  const labels = { 'outrigger.dev/inject': 'true' }
  const initContainerStatuses = [{ name: 'outrigger', restartCount: 0, started: true, state: { running: {} } }]
  fake.store.create(placeOf('Pod', 'shop/web'), {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels } },
    spec: { initContainers: [{ name: 'outrigger', image: IMAGE }] },
    status: { phase: 'Running', podIP: POD_IP, initContainerStatuses },
  })
  const started = await operator(settings(fake.kubeconfig))
  await eventually(() => conditionOf(fake.store, 'LLMRoute', 'shop/chat', 'Programmed') === 'True Programmed')
  await eventually(() => conditionOf(fake.store, 'LLMProvider', 'ai/openai', 'Programmed') === 'True Programmed')
  expect([await probe(started, 'readyz'), await probe(started, 'livez')]).toEqual([200, 200])
  const metrics = await (await fetch(`http://127.0.0.1:${started.adminPort}/metrics`)).text()
  expect(metrics).toContain('outrigger_operator_leader 1')
  expect(metrics).toContain('process_resident_memory_bytes')
  await started.stop()
  const lease = fake.store.list('/apis/coordination.k8s.io/v1/leases')[0]?.spec as { holderIdentity?: string }
  expect(lease.holderIdentity ?? '').toBe('')
})

test('is ready without the Secret of the store, and says on a page that it is not there', async () => {
  const fake = await apiserver()
  const started = await operator(settings(fake.kubeconfig, { storeSecret: { name: 'redis', key: 'url' } }))
  await eventually(async () => (await probe(started, 'readyz')) === 200)
  const health = await fetch(`http://127.0.0.1:${started.adminPort}/health`)
  expect(await health.json()).toMatchObject({
    status: 'degraded',
    degraded: ['store.existingSecret.name: Secret outrigger/redis does not exist; create it in namespace outrigger'],
  })
})

test('is alive and not ready while the API server does not answer, and can be stopped', async () => {
  const fake = await apiserver()
  fake.faults.set({ hang: 1 })
  const file = path.join(folder(), 'injection.json')
  const resources = { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } }
  await writeFile(
    file,
    JSON.stringify({ version: '1', image: IMAGE, imagePullPolicy: 'IfNotPresent', resources, env: [] }),
  )
  const webhook = { host: '127.0.0.1', port: 0 }
  const started = await operator(settings(fake.kubeconfig, { injectionMode: 'Webhook', injectionFile: file, webhook }))
  expect([await probe(started, 'readyz'), await probe(started, 'livez')]).toEqual([503, 200])
  await started.stop()
})

test.each<[name: string, change: () => Partial<OperatorSettings>, message: RegExp]>([
  ['a kubeconfig that is not there', () => ({ kubeconfig: path.join(folder(), 'none') }), /none/],
  [
    'an injection file that is not there',
    () => ({ injectionMode: 'Webhook', injectionFile: path.join(folder(), 'none.json') }),
    /--injection-file .*none\.json/,
  ],
])('says what is wrong with %s', async (_name, change, message) => {
  const failed = await startOperator({ settings: settings('', change()), version: '1', log: recordedLog() }).catch(
    (error: unknown) => error,
  )
  expect(failed).toBeInstanceOf(OperatorInputError)
  expect((failed as Error).message).toMatch(message)
})
