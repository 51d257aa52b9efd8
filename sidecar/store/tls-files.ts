// The PEM files of a store over TLS: whom the sidecar trusts, and what it shows of itself.
//
// In: an address. Out: their contents as Node's TLS takes them, or an Error that names the file and never repeats what is in it. TLS itself
// would pass over a file of authorities without any, and then trust nobody: so each is looked into before it is used.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { STORE_CA_FILE, STORE_CERTIFICATE_FILE, STORE_KEY_FILE } from '../../contract/names.ts'
import type { StoreAddress } from './store-address.ts'

/** PEM; what is absent is not declared. */
export interface TlsFiles {
  ca?: string
  cert?: string
  key?: string
}

/**
 * The address with the files in `folder` that have the store's names, where its URL names none of its own; certificate and key go
 * together. An empty file is none: some issuers leave `ca.crt` empty. Without TLS nothing is looked for.
 */
export async function withFilesBeside(address: StoreAddress, folder: string): Promise<StoreAddress> {
  if (!address.tls) return address
  const names = [STORE_CA_FILE, STORE_CERTIFICATE_FILE, STORE_KEY_FILE]
  const [ca = '', certificate = '', key = ''] = await Promise.all(names.map((name) => filled(path.join(folder, name))))
  const hasOwn = address.certificateFile !== '' || address.keyFile !== ''
  return {
    ...address,
    caFile: address.caFile === '' ? ca : address.caFile,
    ...(!hasOwn && { certificateFile: certificate, keyFile: key }),
  }
}

/** Throws when one of them cannot be read, or is not what it is named as. */
export async function readTlsFiles({ caFile, certificateFile, keyFile }: StoreAddress): Promise<TlsFiles> {
  if ((certificateFile === '') !== (keyFile === ''))
    throw new Error(
      `${certificateFile || keyFile}: the ${keyFile === '' ? 'key' : 'certificate'} that belongs to it is missing`,
    )
  const [ca = '', cert = '', key = ''] = await Promise.all([caFile, certificateFile, keyFile].map(textOf))
  if (caFile !== '') certificateIn(ca, caFile)
  if (certificateFile === '') return ca === '' ? {} : { ca }
  if (!certificateIn(cert, certificateFile).checkPrivateKey(keyIn(key, keyFile)))
    throw new Error(`${keyFile}: this is not the key of the certificate in ${certificateFile}`)
  return { ...(ca !== '' && { ca }), cert, key }
}

/** The file's name; empty when there is nothing in it, or it is not there. */
async function filled(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim() === '' ? '' : file
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

async function textOf(file: string): Promise<string> {
  return file === '' ? '' : readFile(file, 'utf8')
}

/** Of several the first. */
function certificateIn(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch {
    throw new Error(`${file}: expected a certificate in PEM`)
  }
}

function keyIn(text: string, file: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    throw new Error(`${file}: expected a private key in PEM, without a passphrase`)
  }
}
