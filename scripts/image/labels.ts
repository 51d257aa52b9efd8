// The labels of an image, as the OCI image specification names them.
import type { Project } from './inputs.ts'

export function imageLabels({ version, license, created, revision }: Project, title: string): Record<string, string> {
  return {
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.description': 'The LLM sidecar for Kubernetes',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
    'org.opencontainers.image.created': created,
    ...(revision !== '' && { 'org.opencontainers.image.revision': revision }),
  }
}
