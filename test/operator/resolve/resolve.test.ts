import { describe, expect, test } from '@jest/globals'
import type { LLMProviderSpec } from '../../../operator/api/llm-provider.ts'
import type { Reference } from '../../../operator/resolve/inputs.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import type { SecretKeys, Snapshot } from '../../../operator/resolve/snapshot.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

const open = { access: { namespaces: { from: 'All' as const } } }
const secretRef = { name: 'openai', key: 'api-key' }

function snapshotOf(parts: Partial<Snapshot>): Snapshot {
  return { providers: [], routes: [], secrets: [], namespaces: [], ...parts }
}

test('providers come own namespace first, then by id, whatever the order of the snapshot', () => {
  const ids = ['zoo/a', 'shop/z', 'ai/openai', 'shop/b', 'ai-2/openai', 'ai/Azure']
  const providers = ids.map((id) => llmProvider(id, open))
  const expected = ['shop/b', 'shop/z', 'ai-2/openai', 'ai/Azure', 'ai/openai', 'zoo/a']
  expect(resolve(snapshotOf({ providers }), 'shop').providers.map(({ id }) => id)).toEqual(expected)
  expect(resolve(snapshotOf({ providers: providers.reverse() }), 'shop').providers.map(({ id }) => id)).toEqual(
    expected,
  )
})

test('routes come oldest first, those without a timestamp last, then by name', () => {
  const routes = [
    llmRoute('shop/b'),
    llmRoute('shop/a'),
    llmRoute('shop/newest', [], { creationTimestamp: '2026-11-21T10:00:00Z' }),
    llmRoute('shop/old-z', [], { creationTimestamp: '2026-11-20T09:00:00Z' }),
    llmRoute('shop/old-a', [], { creationTimestamp: '2026-11-20T09:00:00Z' }),
    llmRoute('shop/c', [], { creationTimestamp: 'long ago' }),
    llmRoute('cart/a', [], { creationTimestamp: '2026-01-01T00:00:00Z' }),
  ]
  const expected = ['shop/old-a', 'shop/old-z', 'shop/newest', 'shop/a', 'shop/b', 'shop/c']
  expect(resolve(snapshotOf({ routes }), 'shop').routes.map(({ id }) => id)).toEqual(expected)
  expect(resolve(snapshotOf({ routes: routes.reverse() }), 'shop').routes.map(({ id }) => id)).toEqual(expected)
})

test('a namespace that is not in the snapshot has no labels', () => {
  const selector = { matchExpressions: [{ key: 'ai', operator: 'DoesNotExist' as const }] }
  const providers = [llmProvider('ai/openai', { access: { namespaces: { from: 'Selector', selector } } })]
  expect(resolve(snapshotOf({ providers }), 'shop').providers.map(({ id }) => id)).toEqual(['ai/openai'])
})

test('an empty snapshot resolves to nothing', () => {
  expect(resolve(snapshotOf({}), 'shop')).toEqual({ namespace: 'shop', providers: [], routes: [] })
})

describe('a backend', () => {
  /** What the one backend of a route in `shop` leads to: the provider's id, or the reason and message. */
  function check(name: string, backend: string, expected: string): void {
    test(name, () => {
      const providers = [llmProvider('shop/own'), llmProvider('ai/open', open), llmProvider('ai/closed')]
      const routes = [llmRoute('shop/chat', [ruleTo(backend)])]
      const { routes: resolved } = resolve(snapshotOf({ providers, routes }), 'shop')
      const outcomes = resolved.flatMap(({ rules }) => rules.flatMap(({ backends }) => backends))
      expect(outcomes.map(({ provider }) => outcomeOf(provider, ({ id }) => id))).toEqual([expected])
    })
  }

  const field = 'spec.rules[0].backends[0].provider'
  check('without a namespace means the route’s own', 'own', 'shop/own')
  check('of another namespace is found when it is open', 'ai/open', 'ai/open')
  check(
    'of another namespace is refused when it is closed',
    'ai/closed',
    `${field} RefNotPermitted: LLMProvider ai/closed does not admit namespace shop; its owner can, in spec.access.namespaces`,
  )
  check(
    'that does not exist names those that the namespace may use, and no others',
    'ai/opne',
    `${field} ProviderNotFound: LLMProvider ai/opne does not exist; open to namespace shop: shop/own, ai/open`,
  )
})

describe('a Secret', () => {
  const secrets: SecretKeys[] = [
    { namespace: 'ai', name: 'openai', keys: ['token', 'api-key'] },
    { namespace: 'ai', name: 'empty', keys: [] },
    { namespace: 'ai', name: 'big', keys: Array.from({ length: 14 }, (_, index) => `key-${index + 10}`) },
    { namespace: 'ai', name: 'pair', type: 'kubernetes.io/tls', keys: ['tls.crt', 'tls.key'] },
    { namespace: 'ai', name: 'half', keys: ['tls.crt'] },
    { namespace: 'ai', name: 'opaque', type: 'Opaque', keys: ['tls.crt', 'tls.key'] },
    { namespace: 'shop', name: 'mine', keys: ['api-key'] },
  ]

  /** What each reference of a provider in `ai` leads to. */
  function check(name: string, spec: Partial<LLMProviderSpec>, ...expected: string[]): void {
    test(name, () => {
      const { providers } = resolve(snapshotOf({ providers: [llmProvider('ai/openai', spec)], secrets }), 'ai')
      const outcomes = providers.flatMap(({ credentials, clientCertificate, proxyCredentials }) => [
        ...credentials.map(({ secret }) => outcomeOf(secret, (found) => Object.values(found).join('/'))),
        ...(clientCertificate ? [outcomeOf(clientCertificate, (found) => JSON.stringify(found))] : []),
        ...(proxyCredentials ? [outcomeOf(proxyCredentials, (found) => Object.values(found).join('/'))] : []),
      ])
      expect(outcomes).toEqual(expected)
    })
  }

  function credential(name: string, key: string): Partial<LLMProviderSpec> {
    return { credentials: [{ name: 'primary', secretRef: { name, key }, weight: 1 }] }
  }

  function certificate(name: string): Partial<LLMProviderSpec> {
    return { tls: { clientCertificateRef: { name } } }
  }

  const ref = 'spec.credentials[0].secretRef'
  check('with the key is found', credential('openai', 'api-key'), 'ai/openai/api-key')
  check(
    'that does not exist is named',
    credential('opneai', 'api-key'),
    `${ref}.name SecretNotFound: Secret ai/opneai does not exist; create it in namespace ai`,
  )
  check(
    'of another namespace is never found',
    credential('mine', 'api-key'),
    `${ref}.name SecretNotFound: Secret ai/mine does not exist; create it in namespace ai`,
  )
  check(
    'without the key tells which it has',
    credential('openai', 'apikey'),
    `${ref}.key SecretKeyNotFound: Secret ai/openai has no key "apikey"; it has: api-key, token`,
  )
  check(
    'without any key says so',
    credential('empty', 'api-key'),
    `${ref}.key SecretKeyNotFound: Secret ai/empty has no key "api-key"; it has: none`,
  )
  check(
    'with many keys tells ten of them',
    credential('big', 'api-key'),
    `${ref}.key SecretKeyNotFound: Secret ai/big has no key "api-key"; it has: key-10, key-11, key-12, key-13, key-14, key-15, key-16, key-17, key-18, key-19 and 4 more`,
  )
  check(
    'of each credential is resolved on its own',
    {
      credentials: [
        { name: 'a', secretRef: { name: 'gone', key: 'x' }, weight: 1 },
        { name: 'b', secretRef, weight: 1 },
      ],
    },
    'spec.credentials[0].secretRef.name SecretNotFound: Secret ai/gone does not exist; create it in namespace ai',
    'ai/openai/api-key',
  )
  check(
    'of type kubernetes.io/tls is a client certificate',
    certificate('pair'),
    '{"certificate":{"namespace":"ai","name":"pair","key":"tls.crt"},"key":{"namespace":"ai","name":"pair","key":"tls.key"}}',
  )
  check(
    'without tls.key is no client certificate',
    certificate('half'),
    'spec.tls.clientCertificateRef.name SecretKeyNotFound: Secret ai/half has no key "tls.key"; it has: tls.crt',
  )
  check(
    'of another type is no client certificate',
    certificate('opaque'),
    'spec.tls.clientCertificateRef.name InvalidSecretType: Secret ai/opaque is of type Opaque; a client certificate needs type kubernetes.io/tls',
  )
  check(
    'for a client certificate that does not exist is named',
    certificate('gone'),
    'spec.tls.clientCertificateRef.name SecretNotFound: Secret ai/gone does not exist; create it in namespace ai',
  )
  check(
    'with the proxy’s password is found',
    { egressProxy: { url: 'http://proxy.example:3128', credentialsRef: secretRef } },
    'ai/openai/api-key',
  )
})

function outcomeOf<T>(reference: Reference<T>, show: (found: T) => string): string {
  if ('found' in reference) return show(reference.found)
  const { field, reason, message } = reference.broken
  return `${field} ${reason}: ${message}`
}
