import { expect, test } from '@jest/globals'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'
import { concerning, fingerprintOf, type Labels, sameFor } from '../../../operator/rollout/fingerprint.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const WEB: Labels = { app: 'web' }
const BATCH: Labels = { app: 'batch' }
const OTHER: Labels = { app: 'other' }

const OPENAI = provider('ai/openai', 'OpenAI', ['gpt-5-mini'])
const CLAUDE = provider('ai/claude', 'Anthropic', ['claude-haiku-4-5'])

function document(change: Partial<SidecarConfig> = {}): SidecarConfig {
  const web = routeConfig('shop/web', [ruleConfig('all', { backends: [backend('ai/openai')] })], WEB)
  const batch = routeConfig('shop/batch', [ruleConfig('all', { backends: [backend('ai/claude')] })], BATCH)
  const parts = { providers: [OPENAI, CLAUDE], routes: [web, batch], ...change }
  return sidecarConfig({ ...parts, revision: JSON.stringify(parts) })
}

const BASE = document()
const [WEB_ROUTE, BATCH_ROUTE] = BASE.routes as [SidecarConfig['routes'][number], SidecarConfig['routes'][number]]

test.each<[name: string, labels: Labels, keys: string[]]>([
  ['by its route and that route’s providers', WEB, ['LLMRoute shop/web', 'LLMProvider ai/openai']],
  ['without a route by every provider', OTHER, ['LLMProvider ai/openai', 'LLMProvider ai/claude']],
])('a pod is concerned %s', (_name, labels, keys) => {
  expect([...concerning(fingerprintOf(BASE), labels).keys()]).toEqual(keys)
})

const anotherWeight = {
  ...BATCH_ROUTE,
  rules: [ruleConfig('all', { backends: [backend('ai/claude', 5)] })],
}
const rotated = { ...CLAUDE, credentials: [{ name: 'primary', file: 'ai.claude.primary.2', weight: 1 }] }

test.each<[name: string, change: Partial<SidecarConfig>, same: Record<string, boolean>]>([
  ['nothing', {}, { WEB: true, BATCH: true, OTHER: true }],
  ['a route', { routes: [WEB_ROUTE, anotherWeight] }, { WEB: true, BATCH: false, OTHER: true }],
  ['a route that is gone', { routes: [WEB_ROUTE] }, { WEB: true, BATCH: false, OTHER: true }],
  ['a provider', { providers: [OPENAI, rotated] }, { WEB: true, BATCH: false, OTHER: false }],
  ['a provider that is gone', { providers: [OPENAI] }, { WEB: true, BATCH: false, OTHER: false }],
  [
    'the order in which providers are looked at',
    { providers: [CLAUDE, OPENAI] },
    { WEB: true, BATCH: true, OTHER: false },
  ],
  [
    'a route that now selects others too',
    { routes: [{ ...WEB_ROUTE, workloads: BATCH_ROUTE.workloads }, BATCH_ROUTE] },
    { WEB: false, BATCH: false, OTHER: true },
  ],
])('a document that differs in %s is new to those whom it concerns only', (_name, change, same) => {
  const [before, after] = [fingerprintOf(BASE), fingerprintOf(document(change))]
  const found = {
    WEB: sameFor(WEB, before, after),
    BATCH: sameFor(BATCH, before, after),
    OTHER: sameFor(OTHER, before, after),
  }
  expect(found).toEqual(same)
})

test('whatever is wanted is new to a sidecar that runs nothing that is known', () => {
  expect(sameFor(WEB, undefined, fingerprintOf(BASE))).toBe(false)
})
