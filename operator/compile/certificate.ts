import { X509Certificate } from 'node:crypto'

/**
 * The certificates of a PEM text and nothing else of it: a comment or a key pasted along goes into no ConfigMap. Each is
 * read once here, because a sidecar that is handed a broken one can connect to nobody. Undefined when there is none, or
 * one of them cannot be read.
 */
export function certificatesOf(pem: string): string | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.length > 0 && blocks.every(isReadable) ? `${blocks.join('\n')}\n` : undefined
}

function isReadable(block: string): boolean {
  try {
    new X509Certificate(block)
    return true
  } catch {
    return false
  }
}
