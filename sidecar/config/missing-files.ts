import type { SecretValue } from '../../contract/secret.ts'
import type { ProviderConfig, SidecarConfig } from '../../contract/sidecar-config.ts'

const NAMED_MAX = 5

/**
 * Which of the files that the document names are not there, a sentence each, in its order, no more than a few: document and
 * credentials come from two objects, and the one may be here before the other.
 */
export function missingFiles(config: SidecarConfig, files: ReadonlyMap<string, SecretValue>): string[] {
  const missing = config.providers.flatMap((provider) =>
    filesOf(provider)
      .filter((file) => !files.has(file))
      .map((file) => `provider ${provider.id}: file ${file} is not there yet`),
  )
  const more = missing.length - NAMED_MAX
  return more > 0 ? [...missing.slice(0, NAMED_MAX), `and ${more} more`] : missing
}

function filesOf({ credentials, tls: { clientCertificate }, egressProxy }: ProviderConfig): string[] {
  const files = [
    ...credentials.map(({ file }) => file),
    clientCertificate?.certificateFile,
    clientCertificate?.keyFile,
    egressProxy?.credentialsFile,
  ]
  return files.filter((file) => file !== undefined)
}
