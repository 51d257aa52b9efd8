// What a certificate says, as the decisions need it. In: PEM texts of whatever quality. Out: plain facts; what cannot be read is
// undefined or false, never an exception.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { SecretValue } from '../../contract/secret.ts'

/** The first certificate of a PEM text: of a chain, the one that is served. */
export function readCertificate(pem: string | undefined): X509Certificate | undefined {
  if (pem === undefined) return undefined
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

export function notAfterMs(certificate: X509Certificate): number {
  return certificate.validToDate.getTime()
}

export function ageMs(certificate: X509Certificate, nowMs: number): number {
  return nowMs - certificate.validFromDate.getTime()
}

export function isValidAt(certificate: X509Certificate, nowMs: number): boolean {
  return ageMs(certificate, nowMs) >= 0 && nowMs < notAfterMs(certificate)
}

/** Two thirds of its life are over: there is time to fail for a while. */
export function isDue(certificate: X509Certificate, nowMs: number): boolean {
  const lifeMs = ageMs(certificate, notAfterMs(certificate))
  return ageMs(certificate, nowMs) >= (lifeMs * 2) / 3
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** Of `names`, those that a client would not accept it for. */
export function missingNames(certificate: X509Certificate, names: readonly string[]): string[] {
  return names.filter((name) => certificate.checkHost(name, { subject: 'never' }) === undefined)
}

export type KeyFit = 'Fits' | 'Unreadable' | 'Foreign'

export function keyFit(certificate: X509Certificate, key: SecretValue): KeyFit {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key.reveal())) ? 'Fits' : 'Foreign'
  } catch {
    return 'Unreadable'
  }
}

/** Names under which the API server may call a Service. It uses the third. */
export function serviceNames(service: string, namespace: string): string[] {
  return [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]
}
