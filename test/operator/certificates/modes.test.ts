// Certificates that others make: by cert-manager, or by hand.
import { afterEach, expect, test } from '@jest/globals'
import { serviceNames } from '../../../operator/certificates/certificate.ts'
import { issueCa, issueLeaf } from '../../../operator/kube/issue-certificate.ts'
import { Cluster, CONFIGURATION_PATH, NAMESPACE, SECRET_PATH, SERVICE } from './webhook-replica.ts'

const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-11-21T12:00:00Z')
const CA = await issueCa(START_MS)
const FIRST = await issueLeaf(CA, serviceNames(SERVICE, NAMESPACE), START_MS)
const SECOND = await issueLeaf(CA, serviceNames(SERVICE, NAMESPACE), START_MS + DAY_MS)
let cluster = new Cluster(START_MS)
afterEach(() => cluster.close())

const writes = () => cluster.kube.requests.filter((request) => !request.startsWith('GET'))

test('cert-manager writes everything: its Secret is awaited, followed, and nothing is written', async () => {
  cluster = new Cluster(START_MS)
  const { certificates, served, log } = cluster.start({ mode: 'CertManager', leads: true })
  await cluster.pass(1_000)
  expect(log.lines.map(({ fields }) => fields)).toEqual([
    { object: 'Secret outrigger-system/outrigger-webhook-tls', reason: 'there is no Secret' },
  ])
  cluster.putContent({ cert: FIRST.cert, key: FIRST.key, ca: CA.cert })
  await cluster.pass(1_000)
  await certificates.ready
  cluster.putContent({ cert: SECOND.cert, key: SECOND.key, ca: CA.cert })
  await cluster.pass(DAY_MS)
  expect(served.map(({ cert }) => cert)).toEqual([FIRST.cert, SECOND.cert])
  expect(writes()).toEqual([])
  expect(cluster.kube.requests).not.toContain(`GET ${CONFIGURATION_PATH}`)
})

test('an existing Secret with ca.crt: the leader tells API servers, and writes nothing else', async () => {
  cluster = new Cluster(START_MS)
  cluster.putContent({ cert: FIRST.cert, key: FIRST.key, ca: CA.cert })
  const { certificates } = cluster.start({ mode: 'Secret', leads: true })
  await certificates.ready
  await certificates.check()
  expect(cluster.bundle()).toBe(CA.cert)
  expect(writes()).toEqual([`PATCH ${CONFIGURATION_PATH}`])
})

test('an existing Secret without ca.crt: the caBundle is not ours', async () => {
  cluster = new Cluster(START_MS)
  cluster.putContent({ cert: FIRST.cert, key: FIRST.key })
  const { certificates } = cluster.start({ mode: 'Secret', leads: true })
  await certificates.ready
  await certificates.check()
  expect(writes()).toEqual([])
})

test('an existing Secret, on a replica that does not lead: nothing is written', async () => {
  cluster = new Cluster(START_MS)
  cluster.putContent({ cert: FIRST.cert, key: FIRST.key, ca: CA.cert })
  const { certificates } = cluster.start({ mode: 'Secret' })
  await certificates.ready
  await certificates.check()
  expect(writes()).toEqual([])
})

test('an existing Secret gets another CA: it is served when the webhooks trust it', async () => {
  cluster = new Cluster(START_MS)
  cluster.putContent({ cert: FIRST.cert, key: FIRST.key, ca: CA.cert })
  const leader = cluster.start({ mode: 'Secret', leads: true })
  const other = cluster.start({ mode: 'Secret' })
  await Promise.all([leader.certificates.ready, other.certificates.ready])
  await cluster.check()
  const ca = await issueCa(START_MS)
  const leaf = await issueLeaf(ca, serviceNames(SERVICE, NAMESPACE), START_MS)
  cluster.putContent({ cert: leaf.cert, key: leaf.key, ca: `${ca.cert}${CA.cert}` })
  await other.certificates.check()
  expect(other.served).toHaveLength(1)
  await cluster.check()
  expect([leader, other].map(({ served }) => served.at(-1)?.cert)).toEqual([leaf.cert, leaf.cert])
  expect(cluster.bundle()).toBe(`${ca.cert}${CA.cert}`)
})

test.each(['CertManager', 'Secret'] as const)(
  '%s: a Secret that is damaged changes nothing, and is told',
  async (mode) => {
    cluster = new Cluster(START_MS)
    cluster.putContent({ cert: FIRST.cert, key: FIRST.key, ca: CA.cert })
    const { certificates, served, log } = cluster.start({ mode, leads: true })
    await certificates.ready
    cluster.putContent({ cert: SECOND.cert, key: FIRST.key, ca: CA.cert })
    await cluster.pass(10_000)
    expect(served).toHaveLength(1)
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { reason: 'tls.key does not belong to tls.crt' } })
    cluster.kube.put(SECRET_PATH, undefined)
    await cluster.pass(10_000)
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { reason: 'there is no Secret' } })
    expect(certificates.expiresAtMs()).toBe(START_MS + 90 * DAY_MS)
  },
)
