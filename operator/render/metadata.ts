import { MANAGED_BY, MANAGED_BY_LABEL, REVISION_ANNOTATION } from '../../contract/names.ts'

/** Of every object that is published to a namespace. */
export interface Metadata {
  name: string
  namespace: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** `revision` is that of the document that the object belongs to. */
export function metadataOf(namespace: string, name: string, revision: string): Metadata {
  return {
    name,
    namespace,
    labels: { [MANAGED_BY_LABEL]: MANAGED_BY },
    annotations: { [REVISION_ANNOTATION]: revision },
  }
}
