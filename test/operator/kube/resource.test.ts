import { expect, test } from '@jest/globals'
import {
  CONFIG_MAPS,
  EVENTS,
  LEASES,
  LLM_PROVIDERS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  PODS,
  pathOf,
  type Resource,
  type ResourcePlace,
} from '../../../operator/kube/resource.ts'

const PATHS: readonly [resource: Resource, place: ResourcePlace, path: string][] = [
  [PODS, {}, '/api/v1/pods'],
  [PODS, { namespace: 'a' }, '/api/v1/namespaces/a/pods'],
  [CONFIG_MAPS, { namespace: 'a', name: 'b' }, '/api/v1/namespaces/a/configmaps/b'],
  [NAMESPACES, { name: 'a' }, '/api/v1/namespaces/a'],
  [LEASES, { namespace: 'a', name: 'b' }, '/apis/coordination.k8s.io/v1/namespaces/a/leases/b'],
  [EVENTS, { namespace: 'a' }, '/apis/events.k8s.io/v1/namespaces/a/events'],
  [
    LLM_PROVIDERS,
    { namespace: 'a', name: 'b', subresource: 'status' },
    '/apis/outrigger.dev/v1alpha1/namespaces/a/llmproviders/b/status',
  ],
  [
    MUTATING_WEBHOOK_CONFIGURATIONS,
    { namespace: 'ignored', name: 'x' },
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/x',
  ],
  [PODS, { namespace: 'a/../b', name: 'c?d#e' }, '/api/v1/namespaces/a%2F..%2Fb/pods/c%3Fd%23e'],
]

for (const [resource, place, path] of PATHS) {
  test(`the path of ${resource.kind} ${JSON.stringify(place)}`, () => expect(pathOf(resource, place)).toBe(path))
}
