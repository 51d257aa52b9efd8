import type { LLMProvider } from '../api/llm-provider.ts'

/** `namespace/name` of every Secret that a provider refers to, whether it exists or not. */
export function referencedSecrets({ metadata: { namespace }, spec }: LLMProvider): string[] {
  const names = [
    ...spec.credentials.map(({ secretRef }) => secretRef.name),
    spec.tls?.clientCertificateRef?.name,
    spec.egressProxy?.credentialsRef?.name,
  ]
  return [...new Set(names.filter((name) => name !== undefined))].map((name) => `${namespace}/${name}`)
}
