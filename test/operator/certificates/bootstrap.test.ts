// The first certificate, by whoever comes first.

import { X509Certificate } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import { serviceNames } from '../../../operator/certificates/certificate.ts'
import { issueLeaf } from '../../../operator/kube/issue-certificate.ts'
import type { SetTimer } from '../../../operator/kube/timer.ts'
import { until } from '../../support/client.ts'
import { kubeError } from '../../support/fake-kube-client.ts'
import {
  Cluster,
  CONFIGURATION_PATH,
  HOST,
  NAMESPACE,
  SECRET,
  SECRET_PATH,
  SERVICE,
  webhookConfiguration,
} from './webhook-replica.ts'

const START_MS = Date.parse('2026-11-21T12:00:00Z')
let cluster = new Cluster(START_MS)
afterEach(() => cluster.close())

test('a leader makes the Secret, tells API servers whom to trust, and serves', async () => {
  cluster = new Cluster(START_MS)
  const { certificates, served } = cluster.start({ leads: true })
  await certificates.ready
  await certificates.check()
  const content = cluster.content()
  expect(served.map(({ cert }) => cert)).toEqual([content?.cert])
  expect([0, 1, 2].map((index) => cluster.bundle(index))).toEqual([content?.ca, undefined, content?.ca])
  expect(certificates.expiresAtMs()).toBe(START_MS + 90 * 86_400_000)
  expect(cluster.kube.get(SECRET_PATH)).toMatchObject({
    type: 'kubernetes.io/tls',
    metadata: { name: SECRET, namespace: NAMESPACE, labels: { 'app.kubernetes.io/managed-by': 'outrigger' } },
  })
})

test('a leader that has nothing to do writes nothing', async () => {
  cluster = new Cluster(START_MS)
  const { certificates } = cluster.start({ leads: true })
  await certificates.ready
  await certificates.check()
  const before = cluster.kube.requests.length
  await cluster.pass(10_000)
  expect(cluster.kube.requests.slice(before)).toEqual([`GET ${SECRET_PATH}`, `GET ${CONFIGURATION_PATH}`])
})

test('a replica that does not lead creates the Secret too, and nothing else', async () => {
  cluster = new Cluster(START_MS)
  const { certificates } = cluster.start()
  await certificates.ready
  expect(cluster.content()?.ca).toContain('BEGIN CERTIFICATE')
  expect(cluster.bundle()).toBeUndefined()
  expect(certificates.expiresAtMs()).toBeDefined()
})

test('replicas that come at once end with the same certificate', async () => {
  cluster = new Cluster(START_MS)
  // All of them have seen that there is no Secret before one creates it.
  const waiting: (() => void)[] = []
  const before = ({ method }: { method: string }): Promise<void> | undefined => {
    if (method !== 'POST') return undefined
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 3) for (const go of waiting) go()
    })
  }
  const replicas = [true, false, false].map((leads) => cluster.start({ leads, disturbance: { before } }))
  await Promise.all(replicas.map(({ certificates }) => certificates.ready))
  await cluster.check()
  const { cert, ca } = cluster.content() ?? {}
  expect(replicas.map(({ served }) => served.map((one) => one.cert))).toEqual([[cert], [cert], [cert]])
  expect(cluster.bundle()).toBe(ca)
})

test('a replica that comes later serves what is there', async () => {
  cluster = new Cluster(START_MS)
  await cluster.start({ leads: true }).certificates.ready
  const later = cluster.start()
  await later.certificates.ready
  expect(later.served.map(({ cert }) => cert)).toEqual([cluster.content()?.cert])
})

test('without a MutatingWebhookConfiguration all else goes on', async () => {
  for (const name of ['outrigger-injection', '']) {
    cluster = new Cluster(START_MS, 'None')
    const { certificates, log } = cluster.start({ leads: true, webhookConfiguration: name })
    await certificates.ready
    await certificates.check()
    expect(log.lines.filter(({ level }) => level !== 'info')).toEqual([])
    cluster.close()
  }
})

test('a configuration that was deleted and made again gets its caBundle back', async () => {
  cluster = new Cluster(START_MS)
  const { certificates } = cluster.start({ leads: true })
  await certificates.ready
  await certificates.check()
  cluster.kube.put(CONFIGURATION_PATH, webhookConfiguration())
  expect(cluster.bundle()).toBeUndefined()
  await certificates.check()
  expect(cluster.bundle()).toBe(cluster.content()?.ca)
})

test('a configuration that calls another Service is told once', async () => {
  const webhooks = [{ name: 'x', clientConfig: { service: { name: 'misspelt', namespace: NAMESPACE } } }]
  cluster = new Cluster(START_MS, { ...webhookConfiguration(), webhooks })
  const { certificates, log } = cluster.start({ leads: true })
  await certificates.ready
  await cluster.pass(10_000)
  await cluster.pass(10_000)
  expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields.reason)).toEqual([
    'MutatingWebhookConfiguration outrigger-injection: no webhooks[].clientConfig.service is ' +
      `${NAMESPACE}/${HOST.split('.')[0]}`,
  ])
})

test('an API server that fails is told once, asked again, and forgotten', async () => {
  cluster = new Cluster(START_MS)
  let failing = true
  const before = (): void => {
    if (failing) throw kubeError(503, 'ServiceUnavailable')
  }
  const { certificates, log } = cluster.start({ leads: true, disturbance: { before } })
  await cluster.pass(1_000)
  await cluster.pass(1_000)
  expect(log.lines.map(({ level, fields }) => [level, fields.reason])).toEqual([['warn', 'ServiceUnavailable']])
  failing = false
  await cluster.pass(1_000)
  await certificates.ready
})

test('a configuration that may not be read does not keep a replica from serving', async () => {
  cluster = new Cluster(START_MS)
  await cluster.start({ leads: true }).certificates.ready
  const before = ({ path }: { path: string }): void => {
    if (path === CONFIGURATION_PATH) throw kubeError(403, 'Forbidden')
  }
  const later = cluster.start({ disturbance: { before } })
  await later.certificates.ready
  expect(later.served).toHaveLength(1)
})

/** Only the short gap after a look ends; the poll never comes. */
const onlyGaps: SetTimer = (run, delayMs) => {
  if (delayMs < 1_000) setImmediate(run)
  return () => undefined
}

test('a configuration that comes late gets its caBundle at once', async () => {
  cluster = new Cluster(START_MS, 'None')
  const { certificates } = cluster.start({ leads: true, startTimer: onlyGaps })
  await certificates.ready
  await certificates.check()
  cluster.kube.put(CONFIGURATION_PATH, webhookConfiguration())
  const bundle = await until(
    () => cluster.bundle(),
    (found) => found !== undefined,
  )
  expect(bundle).toBe(cluster.content()?.ca)
})

test('a replica that waits for its next look looks at once when the Secret changes', async () => {
  cluster = new Cluster(START_MS)
  await cluster.start({ leads: true }).certificates.ready
  const waiting = cluster.start({ startTimer: onlyGaps })
  await waiting.certificates.ready
  await waiting.certificates.check()
  const { ca = '', caKey, ...rest } = cluster.content() ?? {}
  if (caKey === undefined) throw new Error('no CA')
  const leaf = await issueLeaf({ cert: ca, key: caKey }, serviceNames(SERVICE, NAMESPACE), START_MS)
  await cluster.check()
  cluster.putContent({ ...rest, ca, caKey, cert: leaf.cert, key: leaf.key })
  await until(
    () => waiting.served.at(-1)?.cert,
    (cert) => cert === leaf.cert,
  )
})

test('no key is in any line of the log', async () => {
  cluster = new Cluster(START_MS)
  const { certificates, log } = cluster.start({ leads: true })
  await certificates.ready
  certificates.rotateNow()
  await cluster.pass(10_000)
  expect(log.lines.length).toBeGreaterThan(2)
  expect(JSON.stringify(log.lines)).not.toMatch(/PRIVATE|BEGIN/)
  expect(new X509Certificate(cluster.content()?.cert ?? '').subject).toBe('CN=outrigger webhook')
})
