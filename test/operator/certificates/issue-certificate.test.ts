import { X509Certificate } from 'node:crypto'
import { inspect } from 'node:util'
import { expect, test } from '@jest/globals'
import { serviceNames } from '../../../operator/certificates/certificate.ts'
import { issueCa, issueLeaf } from '../../../operator/kube/issue-certificate.ts'
import { HOST, NAMESPACE, SERVICE } from './webhook-replica.ts'

const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-11-21T12:00:00Z')
const NAMES = serviceNames(SERVICE, NAMESPACE)

test('a CA signs, for a year, under a name of its own', async () => {
  const one = new X509Certificate((await issueCa(START_MS)).cert)
  const other = new X509Certificate((await issueCa(START_MS)).cert)
  expect(one.ca).toBe(true)
  expect(one.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
  expect([one.validFrom, one.validTo]).toEqual(['Nov 21 11:55:00 2026 GMT', 'Nov 21 12:00:00 2027 GMT'])
  expect(one.subject).toMatch(/^CN=outrigger webhook CA [0-9A-F]{8}$/i)
  expect(one.subject).not.toBe(other.subject)
})

test('a leaf is a server certificate for the names of the Service, for 90 days', async () => {
  const ca = await issueCa(START_MS)
  const leaf = new X509Certificate((await issueLeaf(ca, NAMES, START_MS)).cert)
  expect(leaf.ca).toBe(false)
  expect(leaf.subjectAltName).toBe(
    'DNS:outrigger-webhook, DNS:outrigger-webhook.outrigger-system, DNS:outrigger-webhook.outrigger-system.svc, ' +
      'DNS:outrigger-webhook.outrigger-system.svc.cluster.local',
  )
  expect(leaf.checkHost(HOST)).toBe(HOST)
  // id-kp-serverAuth
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  expect([leaf.validFrom, leaf.validTo]).toEqual(['Nov 21 11:55:00 2026 GMT', 'Feb 19 12:00:00 2027 GMT'])
  expect(leaf.verify(new X509Certificate(ca.cert).publicKey)).toBe(true)
})

test('a leaf does not outlive its CA', async () => {
  const ca = await issueCa(START_MS)
  const leaf = new X509Certificate((await issueLeaf(ca, NAMES, START_MS + 300 * DAY_MS)).cert)
  expect(leaf.validTo).toBe(new X509Certificate(ca.cert).validTo)
})

test('serial numbers are positive and differ', async () => {
  const serials = await Promise.all(
    Array.from({ length: 20 }, async () => new X509Certificate((await issueCa(START_MS)).cert).serialNumber),
  )
  expect(new Set(serials).size).toBe(20)
  // 16 bytes whose first bit is not set, and which keep their length.
  expect(serials.filter((serial) => !/^[4-7][0-9A-F]{31}$/.test(serial))).toEqual([])
})

test('a key shows itself to no log', async () => {
  const ca = await issueCa(START_MS)
  expect(`${inspect(ca)} ${JSON.stringify(ca)} ${ca.key}`).not.toContain('PRIVATE')
  expect(ca.key.reveal()).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
})
