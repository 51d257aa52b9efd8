// Secrets that people edited, damaged or deleted: what is served goes on, the Secret is mended, and the log says why.
import { afterEach, expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { serviceNames } from '../../../operator/certificates/certificate.ts'
import { decideCertificates } from '../../../operator/certificates/decide.ts'
import type { SecretContent } from '../../../operator/certificates/secret-content.ts'
import { issueCa, issueLeaf } from '../../../operator/kube/issue-certificate.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { trustProblem } from './trust.ts'
import { Cluster, NAMESPACE, type Replica, SECRET_PATH, SERVICE } from './webhook-replica.ts'

const START_MS = Date.parse('2026-11-21T12:00:00Z')
const NAMES = serviceNames(SERVICE, NAMESPACE)
let cluster = new Cluster(START_MS)
afterEach(() => cluster.close())

async function running(): Promise<{ leader: Replica; other: Replica; content: SecretContent }> {
  cluster = new Cluster(START_MS)
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  const other = cluster.start()
  await other.certificates.ready
  await cluster.check()
  return { leader, other, content: cluster.content() as SecretContent }
}

/** Time passes until all is settled; at every step every replica must be trusted. */
async function passSafely(): Promise<void> {
  for (let step = 0; step < 8; step += 1) {
    await cluster.pass(4_000)
    expect(cluster.replicas.map((replica) => trustProblem(cluster, replica))).toEqual([undefined, undefined])
  }
}

const STRANGE_CA = await issueCa(START_MS)
const STRANGE_LEAF = await issueLeaf(STRANGE_CA, NAMES, START_MS)
const GARBAGE = 'LS0tLS1CRUdJTi'

const DAMAGES: [string, (content: SecretContent) => SecretContent | undefined, string][] = [
  ['deleted', () => undefined, 'there is no Secret'],
  ['emptied', () => ({ cert: 'x', key: new SecretValue('x') }), 'ca.crt is missing'],
  ['ca.crt is garbage', (content) => ({ ...content, ca: GARBAGE }), 'ca.crt cannot be read'],
  ['ca.key is garbage', (content) => ({ ...content, caKey: new SecretValue(GARBAGE) }), 'ca.key cannot be read'],
  ['ca.key is of another CA', (content) => ({ ...content, caKey: STRANGE_CA.key }), 'ca.key does not belong to ca.crt'],
  ['tls.crt is garbage', (content) => ({ ...content, cert: GARBAGE }), 'tls.crt cannot be read'],
  ['tls.key is garbage', (content) => ({ ...content, key: new SecretValue(GARBAGE) }), 'tls.key cannot be read'],
  [
    'tls.key is of another pair',
    (content) => ({ ...content, key: STRANGE_LEAF.key }),
    'tls.key does not belong to tls.crt',
  ],
  [
    'tls.crt is of another CA',
    (content) => ({ ...content, cert: STRANGE_LEAF.cert, key: STRANGE_LEAF.key }),
    'tls.crt was not issued by ca.crt',
  ],
  [
    'tls.crt is for other names',
    (content) => ({ ...content, cert: CERTIFICATE, key: new SecretValue(KEY) }),
    `tls.crt is not for ${NAMES.join(', ')}`,
  ],
]

test.each(DAMAGES)('%s', async (_says, damage, reason) => {
  const { leader, content } = await running()
  cluster.putContent(damage(content))
  await passSafely()
  expect(decideCertificates(cluster.content(), cluster.nowMs, NAMES).urgency).toBe('Due')
  const reasons = leader.log.lines.map(({ fields }) => fields.reason)
  expect(reasons).toContain(reason)
  expect(cluster.replicas.map(({ served }) => served.at(-1)?.cert)).toEqual(Array(2).fill(cluster.content()?.cert))
})

test('somebody else puts in a whole set that is sound: it is used when the webhooks trust it', async () => {
  const { leader, other } = await running()
  const { cert, key } = STRANGE_LEAF
  cluster.putContent({ cert, key, ca: STRANGE_CA.cert, caKey: STRANGE_CA.key })
  await other.certificates.check()
  expect(other.served.at(-1)?.cert).not.toBe(cert)
  await leader.certificates.check()
  await other.certificates.check()
  expect([leader, other].map(({ served }) => served.at(-1)?.cert)).toEqual([cert, cert])
  expect(cluster.bundle()).toBe(STRANGE_CA.cert)
})

test('nothing is mended while nobody leads, and what is served goes on', async () => {
  const { leader, other, content } = await running()
  leader.leads = false
  cluster.putContent(undefined)
  await cluster.pass(10_000)
  expect(cluster.content()).toBeUndefined()
  expect([leader, other].map(({ served }) => served.length)).toEqual([1, 1])
  leader.leads = true
  await passSafely()
  expect(cluster.content()?.ca).not.toBe(content.ca)
})

test('a Secret of another type keeps its type', async () => {
  const { content } = await running()
  cluster.kube.put(SECRET_PATH, { type: 'Opaque', metadata: { name: 'outrigger-webhook-tls' }, data: {} })
  await cluster.pass(1_000)
  expect(cluster.kube.get(SECRET_PATH).type).toBe('Opaque')
  expect(cluster.content()?.previousCa).toBe(content.ca)
})

test('a Secret that was made while nothing was served is replaced when it is unfit', async () => {
  cluster = new Cluster(START_MS)
  cluster.putContent({ cert: 'x', key: new SecretValue('x') })
  const waiting = cluster.start()
  await waiting.certificates.check()
  expect(waiting.served).toEqual([])
  const leader = cluster.start({ leads: true })
  await leader.certificates.ready
  await waiting.certificates.check()
  expect(waiting.served.map(({ cert }) => cert)).toEqual([cluster.content()?.cert])
})
