// An API server with older CRDs gives objects without the fields that came later. What they come to then must be what they come
// to once the CRDs are upgraded.
import { expect, test } from '@jest/globals'
import { admit } from '../../../cli/files/admission.ts'
import type { LLMProvider } from '../../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../../operator/api/llm-route.ts'
import { compile } from '../../../operator/compile/compile.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'

const PROVIDER = {
  apiVersion: 'outrigger.dev/v1alpha1',
  kind: 'LLMProvider',
  metadata: { name: 'openai', namespace: 'shop' },
  spec: { type: 'OpenAI', openAI: {}, healthCheck: {} },
}

const ROUTE = {
  apiVersion: 'outrigger.dev/v1alpha1',
  kind: 'LLMRoute',
  metadata: { name: 'chat', namespace: 'shop' },
  spec: { rules: [{ name: 'all', backends: [{ provider: { name: 'openai' } }] }] },
}

function admitted<Kind extends 'LLMProvider' | 'LLMRoute'>(kind: Kind, object: unknown) {
  const admission = admit(kind, object, 'Enforce')
  if ('findings' in admission) throw new Error(JSON.stringify(admission.findings))
  return admission.object
}

function compiled(provider: LLMProvider, route: LLMRoute) {
  return compile(resolve({ providers: [provider], routes: [route], secrets: [], namespaces: [] }, 'shop'))
}

/** Takes fields out that the type says are there, as an API server that does not know them does. */
function without(object: object, ...fields: string[]): void {
  for (const field of fields) expect(Reflect.has(object, field) && Reflect.deleteProperty(object, field)).toBe(true)
}

test('objects of older CRDs come to the same as with the defaults of the new ones', () => {
  const [provider, route] = [admitted('LLMProvider', PROVIDER), admitted('LLMRoute', ROUTE)]
  const expected = compiled(provider, route)
  const [oldProvider, oldRoute] = [structuredClone(provider), structuredClone(route)]
  without(oldProvider.spec, 'circuitBreaker', 'retryBudget')
  without(oldProvider.spec.healthCheck ?? {}, 'interval', 'timeout', 'unhealthyThreshold', 'healthyThreshold')
  for (const rule of oldRoute.spec.rules) {
    without(rule, 'balance', 'panicThreshold', 'retry', 'unknownPrice')
    for (const backend of rule.backends) without(backend, 'priority')
  }
  expect(compiled(oldProvider, oldRoute)).toEqual(expected)
})
