// What must be done about the self-made certificates. In: the Secret's content, the time, the names to be served. Out: one step and
// its reason. It never writes, and does not know who leads.
//
// A rotation takes several steps, each of which may be the last that a process lives to do; the Secret says where it stands:
//   1. RenewCa: a new CA; the old one becomes `previous-ca.crt`. The leaf stays, so nothing changes for clients.
//   2. Both CAs go into `caBundle` (bundle.ts); API servers see it.
//   3. RenewLeaf: a leaf by the new CA, which every API server trusts by now.
//   4. DropPreviousCa: when the old leaf is long out of use.
//
// Lifetimes: a leaf outlives no CA, since a CA is replaced at 2/3 of 365 days and 90 days are less than the rest. Rejected: one
// certificate that is its own CA (each renewal would be a change of trust); a CA for ten years (its replacement would be code that
// never ran).
import type { X509Certificate } from 'node:crypto'
import type { SecretValue } from '../../contract/secret.ts'
import {
  ageMs,
  isDue,
  isIssuedBy,
  isValidAt,
  keyFit,
  missingNames,
  notAfterMs,
  readCertificate,
} from './certificate.ts'
import type { SecretContent } from './secret-content.ts'

const DAY_MS = 86_400_000
export const CA_LIFE_MS = 365 * DAY_MS
export const LEAF_LIFE_MS = 90 * DAY_MS

/** A new certificate is valid from a little before it was made, for clocks that are behind. */
export const BACKDATED_MS = 5 * 60_000

/** Every replica follows within seconds; a process that slept for a day should still be believed. */
const PREVIOUS_CA_KEPT_MS = DAY_MS

export interface Decision {
  action: 'Keep' | 'Create' | 'RenewCa' | 'RenewLeaf' | 'DropPreviousCa'
  /** For the log. */
  reason: string
  /** `Now`: what is there does not serve. `Due`: it does, and must not be disturbed. */
  urgency: 'Now' | 'Due'
}

/** `content` is undefined when there is no Secret. */
export function decideCertificates(
  content: SecretContent | undefined,
  nowMs: number,
  names: readonly string[],
): Decision {
  if (content === undefined) return now('Create', 'there is no Secret')
  const ca = caOf(content, nowMs)
  if (typeof ca === 'string') return now('Create', ca)
  const caKey = caKeyProblem(ca, content.caKey)
  const leaf = leafProblem(content, ca, nowMs, names)
  if (caKey !== undefined) return leaf === undefined ? now('RenewCa', caKey) : now('Create', `${caKey}, and ${leaf}`)
  if (leaf !== undefined) return now('RenewLeaf', leaf)
  return routine(content, ca, nowMs)
}

/** What is due of content without faults. */
function routine(content: SecretContent, ca: X509Certificate, nowMs: number): Decision {
  const leaf = readCertificate(content.cert)
  if (isDue(ca, nowMs)) return due('RenewCa', `ca.crt expires on ${dayOf(ca)}`)
  if (leaf === undefined || !isIssuedBy(leaf, ca)) return due('RenewLeaf', 'ca.crt was replaced')
  if (isDue(leaf, nowMs)) return due('RenewLeaf', `tls.crt expires on ${dayOf(leaf)}`)
  if (content.previousCa !== undefined && ageMs(leaf, nowMs) >= PREVIOUS_CA_KEPT_MS + BACKDATED_MS) {
    return due('DropPreviousCa', 'nothing that it issued is in use')
  }
  return due('Keep', '')
}

function caOf({ ca: pem }: SecretContent, nowMs: number): X509Certificate | string {
  const ca = readCertificate(pem)
  if (ca === undefined) return pem === undefined ? 'ca.crt is missing' : 'ca.crt cannot be read'
  if (!ca.ca) return 'ca.crt is not the certificate of a CA'
  return isValidAt(ca, nowMs) ? ca : `ca.crt is not valid now (until ${dayOf(ca)})`
}

function caKeyProblem(ca: X509Certificate, key: SecretValue | undefined): string | undefined {
  // Our CAs sign with P-256; with a CA of another kind, nothing could be issued.
  if (ca.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return 'ca.crt is not of a P-256 key'
  return keyProblem(ca, key, 'ca')
}

function leafProblem(
  content: SecretContent,
  ca: X509Certificate,
  nowMs: number,
  names: readonly string[],
): string | undefined {
  const problem = servingProblem(content, nowMs)
  if (problem !== undefined) return problem
  const leaf = readCertificate(content.cert) as X509Certificate
  const missing = missingNames(leaf, names)
  if (missing.length > 0) return `tls.crt is not for ${missing.join(', ')}`
  const previous = readCertificate(content.previousCa)
  const issuers = previous !== undefined && isValidAt(previous, nowMs) ? [ca, previous] : [ca]
  return issuers.some((issuer) => isIssuedBy(leaf, issuer)) ? undefined : 'tls.crt was not issued by ca.crt'
}

/** Why `tls.crt` and `tls.key` cannot be served; undefined when they can. For Secrets of any origin. */
export function servingProblem({ cert, key }: SecretContent, nowMs: number): string | undefined {
  const leaf = readCertificate(cert)
  if (leaf === undefined) return cert === undefined ? 'tls.crt is missing' : 'tls.crt cannot be read'
  return (
    keyProblem(leaf, key, 'tls') ??
    (isValidAt(leaf, nowMs) ? undefined : `tls.crt is not valid now (until ${dayOf(leaf)})`)
  )
}

function keyProblem(
  certificate: X509Certificate,
  key: SecretValue | undefined,
  pair: 'ca' | 'tls',
): string | undefined {
  if (key === undefined) return `${pair}.key is missing`
  const fit = keyFit(certificate, key)
  if (fit === 'Unreadable') return `${pair}.key cannot be read`
  return fit === 'Foreign' ? `${pair}.key does not belong to ${pair}.crt` : undefined
}

function dayOf(certificate: X509Certificate): string {
  return new Date(notAfterMs(certificate)).toISOString().slice(0, 10)
}

function now(action: Decision['action'], reason: string): Decision {
  return { action, reason, urgency: 'Now' }
}

function due(action: Decision['action'], reason: string): Decision {
  return { action, reason, urgency: 'Due' }
}
