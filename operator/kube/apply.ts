// Server-side apply, the one way in which the operator writes objects: fields that somebody else owns stay, and a field that
// is no longer sent is removed. With force, because what the operator writes is its alone: a conflict means that somebody
// edited it by hand.
import { FIELD_MANAGER } from '../../contract/names.ts'
import type { KubeClient } from './client.ts'
import { pathOf, type Resource } from './resource.ts'

export interface AppliedObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; uid?: string }
}

/** The object as it is then. `object` may hold only what the operator owns. Throws KubeError. */
export function applyObject<Answer>(
  client: Pick<KubeClient, 'request'>,
  resource: Resource,
  object: AppliedObject,
  subresource?: 'status',
): Promise<Answer> {
  const { name, namespace } = object.metadata
  return client.request<Answer>({
    method: 'PATCH',
    path: pathOf(resource, { namespace, name, subresource }),
    query: { fieldManager: FIELD_MANAGER, force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: object,
  })
}
