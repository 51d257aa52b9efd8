// Makes keys and certificates: ECDSA P-256, valid for as long as decide.ts says. The library is loaded when the first one is made,
// which most replicas never do: loading it and making one took 14 MB and 50 ms in a bundle (measured, Node 26.10).
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type * as X509 from '@peculiar/x509'
import { SecretValue } from '../../contract/secret.ts'
import { notAfterMs, readCertificate } from '../certificates/certificate.ts'
import { BACKDATED_MS, CA_LIFE_MS, LEAF_LIFE_MS } from '../certificates/decide.ts'
import { provideReflectMetadata } from './reflect-metadata.ts'

export interface Issued {
  /** PEM. */
  cert: string
  /** PKCS #8, PEM. */
  key: SecretValue
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export async function issueCa(nowMs: number): Promise<Issued> {
  const x509 = await loadX509()
  const { key, privateKey, publicKey } = newKeys()
  const serialNumber = newSerialNumber()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    // A name of its own: who looks issuers up by name must not find the CA before it.
    name: `CN=outrigger webhook CA ${serialNumber.slice(0, 8)}`,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys: { privateKey, publicKey },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { cert: `${cert.toString('pem')}\n`, key }
}

/** A server's certificate. It ends no later than its CA. Throws when the CA's key is none of P-256 (decide.ts has looked). */
export async function issueLeaf(ca: Issued, names: readonly string[], nowMs: number): Promise<Issued> {
  const x509 = await loadX509()
  const { key, publicKey } = newKeys()
  const issuer = new x509.X509Certificate(ca.cert)
  const caEnd = readCertificate(ca.cert)
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: 'CN=outrigger webhook',
    issuer: issuer.subject,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(
      Math.min(nowMs + LEAF_LIFE_MS, caEnd === undefined ? Number.POSITIVE_INFINITY : notAfterMs(caEnd)),
    ),
    signingAlgorithm: ALGORITHM,
    signingKey: forWebCrypto(createPrivateKey(ca.key.reveal()), 'sign'),
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { cert: `${cert.toString('pem')}\n`, key }
}

function newKeys(): { key: SecretValue; privateKey: CryptoKey; publicKey: CryptoKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    key: new SecretValue(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    privateKey: forWebCrypto(privateKey, 'sign'),
    publicKey: forWebCrypto(publicKey, 'verify'),
  }
}

/** The library wants keys of WebCrypto. It must be able to read a public one, and a private one not. */
function forWebCrypto(key: KeyObject, usage: 'sign' | 'verify'): CryptoKey {
  return key.toCryptoKey(ALGORITHM, usage === 'verify', [usage])
}

/** 16 bytes, positive in DER. */
function newSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

async function loadX509(): Promise<typeof X509> {
  provideReflectMetadata()
  return await import('@peculiar/x509')
}
