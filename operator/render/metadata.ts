import { MANAGED_BY, MANAGED_BY_LABEL, REVISION_ANNOTATION } from '../../contract/names.ts'

/** Of every object that is published to a namespace. */
export interface Metadata {
  name: string
  namespace: string
  labels: Record<string, string>
  annotations?: Record<string, string>
}

/** `revision` is that of the document that the object holds; absent for one that does not change with every document. */
export function metadataOf(namespace: string, name: string, revision?: string): Metadata {
  return {
    name,
    namespace,
    labels: { [MANAGED_BY_LABEL]: MANAGED_BY },
    ...(revision !== undefined && { annotations: { [REVISION_ANNOTATION]: revision } }),
  }
}
