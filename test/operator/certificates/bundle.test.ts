import { expect, test } from '@jest/globals'
import {
  bundleOf,
  issuerOf,
  patchOf,
  serviceProblem,
  trusts,
  type WebhookConfiguration,
} from '../../../operator/certificates/bundle.ts'
import { issueCa, issueLeaf } from '../../../operator/kube/issue-certificate.ts'

const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-11-21T12:00:00Z')
const SERVICE = { name: 'outrigger-webhook', namespace: 'outrigger-system' }

const OLD = await issueCa(START_MS)
const NEW = await issueCa(START_MS + DAY_MS)
const LEAF = await issueLeaf(OLD, ['a'], START_MS)

const encoded = (pem: string): string => Buffer.from(pem).toString('base64')

function configuration(...bundles: (string | undefined)[]): WebhookConfiguration {
  const webhooks = bundles.map((bundle, index) => ({
    name: `${index}.outrigger.dev`,
    clientConfig: { service: SERVICE, ...(bundle !== undefined && { caBundle: encoded(bundle) }) },
  }))
  return { metadata: { name: 'outrigger-injection', resourceVersion: '7' }, webhooks }
}

const FOREIGN = { name: 'x.example.com', clientConfig: { service: { ...SERVICE, name: 'other' } } }
const BY_URL = { name: 'y.example.com', clientConfig: {} }

test('the new CA and the one before are trusted together, as long as the one before is valid', () => {
  const both = { ca: NEW.cert, previousCa: OLD.cert }
  expect(bundleOf({ ca: NEW.cert }, START_MS)).toBe(NEW.cert)
  expect(bundleOf(both, START_MS + DAY_MS)).toBe(`${NEW.cert}${OLD.cert}`)
  expect(bundleOf(both, START_MS + 365 * DAY_MS)).toBe(NEW.cert)
})

test('there is no bundle of what cannot be read', () => {
  expect(bundleOf({}, START_MS)).toBeUndefined()
  expect(bundleOf({ ca: 'hello' }, START_MS)).toBeUndefined()
})

test('what was pasted around certificates goes into no bundle', () => {
  expect(bundleOf({ ca: `key below\n${NEW.cert}\n\n${OLD.cert}and some words` }, START_MS)).toBe(
    `${NEW.cert}${OLD.cert}`,
  )
})

test('a patch touches the caBundle of each webhook that calls our Service and differs, and nothing else', () => {
  const { metadata, webhooks = [] } = configuration(undefined, OLD.cert, NEW.cert)
  const mixed = { metadata, webhooks: [FOREIGN, BY_URL, ...webhooks] }
  expect(patchOf(mixed, SERVICE, NEW.cert)).toEqual([
    { op: 'test', path: '/metadata/resourceVersion', value: '7' },
    { op: 'add', path: '/webhooks/2/clientConfig/caBundle', value: encoded(NEW.cert) },
    { op: 'add', path: '/webhooks/3/clientConfig/caBundle', value: encoded(NEW.cert) },
  ])
})

test('there is no patch when all is well, or nothing calls us', () => {
  expect(patchOf(configuration(NEW.cert, NEW.cert), SERVICE, NEW.cert)).toEqual([])
  expect(patchOf({ ...configuration(), webhooks: [FOREIGN, BY_URL] }, SERVICE, NEW.cert)).toEqual([])
  expect(patchOf({ metadata: { name: 'outrigger-injection' } }, SERVICE, NEW.cert)).toEqual([])
})

const TRUST: [string, WebhookConfiguration | undefined, boolean][] = [
  ['no configuration is no doubt', undefined, true],
  ['nor is one of others', { ...configuration(), webhooks: [FOREIGN] }, true],
  ['all webhooks have it', configuration(NEW.cert, `${NEW.cert}${OLD.cert}`), true],
  ['one has not', configuration(NEW.cert, OLD.cert), false],
  ['one has none', configuration(NEW.cert, undefined), false],
]

test.each(TRUST)('whether webhooks trust a CA: %s', (_says, found, trusted) => {
  expect(trusts(found, SERVICE, NEW.cert)).toBe(trusted)
})

test('the issuer of a leaf is found among both CAs', () => {
  expect(issuerOf({ cert: LEAF.cert, ca: OLD.cert })).toBe(OLD.cert)
  expect(issuerOf({ cert: LEAF.cert, ca: NEW.cert, previousCa: OLD.cert })).toBe(OLD.cert)
  expect(issuerOf({ cert: LEAF.cert, ca: NEW.cert })).toBeUndefined()
  expect(issuerOf({ ca: NEW.cert })).toBeUndefined()
})

test('a configuration that cannot be meant for our Service is told, with the field', () => {
  expect(serviceProblem(configuration(NEW.cert), SERVICE)).toBeUndefined()
  expect(serviceProblem(undefined, SERVICE)).toBeUndefined()
  expect(serviceProblem({ ...configuration(), webhooks: [FOREIGN] }, SERVICE)).toBe(
    'MutatingWebhookConfiguration outrigger-injection: no webhooks[].clientConfig.service is outrigger-system/outrigger-webhook',
  )
})
