import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { serviceNames } from '../../../operator/certificates/certificate.ts'
import { decideCertificates, servingProblem } from '../../../operator/certificates/decide.ts'
import { contentOf, newShell, type SecretContent, secretObject } from '../../../operator/certificates/secret-content.ts'
import { type Issued, issueCa, issueLeaf } from '../../../operator/kube/issue-certificate.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'

const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-11-21T12:00:00Z')
const NAMES = serviceNames('outrigger-webhook', 'outrigger-system')

const CA = await issueCa(START_MS)
const NEXT_CA = await issueCa(START_MS + 244 * DAY_MS)
const LEAF = await issueLeaf(CA, NAMES, START_MS)
const LATE_LEAF = await issueLeaf(CA, NAMES, START_MS + 240 * DAY_MS)
const NEXT_LEAF = await issueLeaf(NEXT_CA, NAMES, START_MS + 244 * DAY_MS)
const OTHER_NAME = await issueLeaf(CA, ['outrigger-webhook'], START_MS)
const RSA_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

function content(ca: Issued, leaf: Issued, rest: SecretContent = {}): SecretContent {
  return { cert: leaf.cert, key: leaf.key, ca: ca.cert, caKey: ca.key, ...rest }
}

const FRESH = content(CA, LEAF)
const ROTATING = content(NEXT_CA, LATE_LEAF, { previousCa: CA.cert })
const ROTATED = content(NEXT_CA, NEXT_LEAF, { previousCa: CA.cert })

function without(from: SecretContent, ...parts: (keyof SecretContent)[]): SecretContent {
  const kept = Object.entries(from).filter(([part]) => !parts.includes(part as keyof SecretContent))
  return Object.fromEntries(kept)
}

const GARBAGE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const KEY_GARBAGE = new SecretValue('-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n')

/** What is decided on day `day`, as `action urgency: reason`. */
const DECISIONS: [string, SecretContent | undefined, number, string][] = [
  ['a fresh pair is kept', FRESH, 0, 'Keep Due: '],
  ['… also just before it is due', FRESH, 59.9, 'Keep Due: '],
  ['… and a moment before it was made, by a clock that is behind', FRESH, -4 / 1440, 'Keep Due: '],
  ['without a Secret all is created', undefined, 0, 'Create Now: there is no Secret'],
  ['in an empty Secret too', {}, 0, 'Create Now: ca.crt is missing'],

  ['a leaf is renewed at two thirds of its life', FRESH, 60.1, 'RenewLeaf Due: tls.crt expires on 2027-02-19'],
  ['a leaf that ended is renewed now', FRESH, 90.1, 'RenewLeaf Now: tls.crt is not valid now (until 2027-02-19)'],
  [
    'a leaf from the future too',
    content(CA, LATE_LEAF),
    100,
    'RenewLeaf Now: tls.crt is not valid now (until 2027-10-17)',
  ],
  [
    'a CA is renewed at two thirds of its life',
    content(CA, LATE_LEAF),
    244,
    'RenewCa Due: ca.crt expires on 2027-11-21',
  ],
  ['a CA that ended makes all new', FRESH, 366, 'Create Now: ca.crt is not valid now (until 2027-11-21)'],
  ['a CA from the future too', FRESH, -1, 'Create Now: ca.crt is not valid now (until 2027-11-21)'],

  ['a leaf by the previous CA waits to be replaced', ROTATING, 244, 'RenewLeaf Due: ca.crt was replaced'],
  [
    '… but not for longer than that CA lives',
    content(NEXT_CA, LATE_LEAF),
    244,
    'RenewLeaf Now: tls.crt was not issued by ca.crt',
  ],
  ['the previous CA stays for a day', ROTATED, 244.9, 'Keep Due: '],
  ['and is then dropped', ROTATED, 245.1, 'DropPreviousCa Due: nothing that it issued is in use'],
  [
    'nonsense for a previous CA is dropped as well',
    { ...FRESH, previousCa: GARBAGE },
    2,
    'DropPreviousCa Due: nothing that it issued is in use',
  ],

  ['ca.crt is missing', without(FRESH, 'ca'), 0, 'Create Now: ca.crt is missing'],
  ['ca.crt is garbage', { ...FRESH, ca: GARBAGE }, 0, 'Create Now: ca.crt cannot be read'],
  ['ca.crt is no CA', { ...FRESH, ca: LEAF.cert }, 0, 'Create Now: ca.crt is not the certificate of a CA'],
  ['ca.key is missing', without(FRESH, 'caKey'), 0, 'RenewCa Now: ca.key is missing'],
  ['ca.key is garbage', { ...FRESH, caKey: KEY_GARBAGE }, 0, 'RenewCa Now: ca.key cannot be read'],
  ['ca.key is of another CA', { ...FRESH, caKey: NEXT_CA.key }, 0, 'RenewCa Now: ca.key does not belong to ca.crt'],
  [
    'ca.key and tls.crt are unfit',
    { ...FRESH, caKey: KEY_GARBAGE, cert: GARBAGE },
    0,
    'Create Now: ca.key cannot be read, and tls.crt cannot be read',
  ],
  ['tls.crt is missing', without(FRESH, 'cert'), 0, 'RenewLeaf Now: tls.crt is missing'],
  ['tls.crt is garbage', { ...FRESH, cert: GARBAGE }, 0, 'RenewLeaf Now: tls.crt cannot be read'],
  ['tls.crt is no PEM at all', { ...FRESH, cert: 'hello' }, 0, 'RenewLeaf Now: tls.crt cannot be read'],
  ['tls.key is missing', without(FRESH, 'key'), 0, 'RenewLeaf Now: tls.key is missing'],
  ['tls.key is garbage', { ...FRESH, key: KEY_GARBAGE }, 0, 'RenewLeaf Now: tls.key cannot be read'],
  [
    'tls.key is of another certificate',
    { ...FRESH, key: NEXT_LEAF.key },
    0,
    'RenewLeaf Now: tls.key does not belong to tls.crt',
  ],
  [
    'tls.key is of another kind',
    { ...FRESH, key: new SecretValue(RSA_KEY.export({ type: 'pkcs8', format: 'pem' }).toString()) },
    0,
    'RenewLeaf Now: tls.key does not belong to tls.crt',
  ],
  [
    'tls.crt is for another Service',
    content(CA, OTHER_NAME),
    0,
    'RenewLeaf Now: tls.crt is not for outrigger-webhook.outrigger-system, outrigger-webhook.outrigger-system.svc, ' +
      'outrigger-webhook.outrigger-system.svc.cluster.local',
  ],
  [
    'a whole pair of somebody else was put in',
    { ...FRESH, cert: CERTIFICATE, key: new SecretValue(KEY) },
    0,
    `RenewLeaf Now: tls.crt is not for ${NAMES.join(', ')}`,
  ],
]

test.each(DECISIONS)('%s', (_says, found, day, decision) => {
  const { action, urgency, reason } = decideCertificates(found, START_MS + day * DAY_MS, NAMES)
  expect(`${action} ${urgency}: ${reason}`).toBe(decision)
})

test('a Secret of any origin can be served when the pair fits and is valid', () => {
  const foreign = { cert: CERTIFICATE, key: new SecretValue(KEY) }
  expect(servingProblem(foreign, START_MS)).toBeUndefined()
  expect(servingProblem(foreign, START_MS + 100 * 366 * DAY_MS)).toMatch('tls.crt is not valid now')
  expect(servingProblem({}, START_MS)).toBe('tls.crt is missing')
})

test('what is written into a Secret is what is read from it', () => {
  const back = contentOf(secretObject(newShell('outrigger-system', 'outrigger-webhook-tls'), ROTATED))
  const revealed = ({ key, caKey, ...rest }: SecretContent) => ({ ...rest, key: key?.reveal(), caKey: caKey?.reveal() })
  expect(revealed(back)).toEqual(revealed(ROTATED))
})

test('parts that are absent or empty are absent', () => {
  const metadata = { name: 'outrigger-webhook-tls' }
  expect(contentOf({ metadata })).toEqual({})
  expect(contentOf({ metadata, data: { 'tls.crt': '', 'tls.key': '' } })).toEqual({})
})
