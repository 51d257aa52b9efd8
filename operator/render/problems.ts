import type { ObjectReference, Problem } from '../api/problem.ts'
import type { Snapshot } from '../resolve/snapshot.ts'
import type { TooLarge } from './pack.ts'

const WHAT: Readonly<Record<TooLarge['what'], string>> = {
  Document: 'document',
  CompressedDocument: 'compressed document',
  Credentials: 'credentials',
}

/** Nobody's own mistake, so every object of the namespace is told: nothing changes there until there is less. */
export function unpublishable(
  namespace: string,
  { what, bytes, bytesMax }: TooLarge,
  { providers, routes }: Pick<Snapshot, 'providers' | 'routes'>,
): Problem[] {
  const message = `The ${WHAT[what]} of namespace ${namespace} would take ${bytes} bytes of ${bytesMax}: sidecars keep the last one until rules, models or providers open to the namespace become fewer`
  return [...providers, ...routes]
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ kind, metadata: { name } }): ObjectReference => ({ kind, namespace, name }))
    .map((object) => ({ object, field: 'spec', reason: 'ConfigTooLarge', message }))
}
