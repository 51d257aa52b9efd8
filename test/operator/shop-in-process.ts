// What the tests of a whole replica have in common: a cluster in this process per test, a shop in it, and questions to ask of it.
import { afterEach, expect } from '@jest/globals'
import type { LLMProvider, LLMProviderSpec } from '../../operator/api/llm-provider.ts'
import type { LLMRouteRule } from '../../operator/api/llm-route.ts'
import { publishedDocument } from '../support/fake-node.ts'
import { llmProvider, llmRoute, ruleTo } from '../support/resources.ts'
import {
  apply,
  type ClusterInProcess,
  type ClusterOptions,
  conditionOf,
  createClusterInProcess,
  namespace,
  placeOf,
  type ReplicaChange,
  type StartedReplica,
  secret,
  statusOf,
} from './cluster-in-process.ts'

/** In no log, status, event, ConfigMap or metric. */
export const KEY = 'sk-canary-0123456789'
export const FROM_ALL: LLMProviderSpec['access'] = { namespaces: { from: 'All' } }

let current: ClusterInProcess

/** Of the test that runs. */
export function cluster(): ClusterInProcess {
  return current
}

afterEach(async () => {
  expect(await current.close()).toBe(0)
})

export function openCluster(options: ClusterOptions = {}): ClusterInProcess {
  current = createClusterInProcess(options)
  for (const name of ['ai', 'shop', 'other']) apply(current.store, namespace(name))
  return current
}

export function provider(id: string, change: Partial<LLMProviderSpec> = {}): LLMProvider {
  return llmProvider(id, {
    credentials: [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' }, weight: 1 }],
    models: [{ name: 'gpt-5-mini' }],
    access: FROM_ALL,
    ...change,
  })
}

export function applyAll(...objects: Parameters<typeof apply>[1][]): void {
  for (const object of objects) apply(current.store, object)
}

/** A provider for all namespaces, a route to it, and a pod that runs. */
export async function openShop(options: ClusterOptions = {}, change: ReplicaChange = {}): Promise<StartedReplica> {
  openCluster(options)
  applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'), route('shop/chat', 'ai/openai'))
  const replica = current.replica('one', change)
  current.node.run('shop', 'web', { labels: { app: 'web' } })
  await current.advance(5_000)
  return replica
}

export function route(id: string, target: string, app?: string, rule: Partial<LLMRouteRule> = {}) {
  const it = llmRoute(id, [{ ...ruleTo(target), ...rule }])
  if (app !== undefined) it.spec.workloads = { matchLabels: { app } }
  return it
}

export function timeouts(firstByte: string): Partial<LLMRouteRule> {
  return { timeouts: { firstByte } }
}

export function remove(kind: string, id: string): void {
  current.store.delete(placeOf(kind, id))
}

export function find(kind: string, id: string) {
  return current.store.find(placeOf(kind, id))
}

export function revisionOf(ns: string): string | undefined {
  const text = publishedDocument(current.store, ns)
  return text && JSON.parse(text).revision
}

export function runs(ns: string, name: string): string | undefined {
  return current.node.sidecar(ns, name)?.configuration.current?.runtime.config.revision
}

export function programmed(kind: string, id: string): string | undefined {
  return conditionOf(current.store, kind, id, 'Programmed')
}

export function sidecarsOf(kind: string, id: string): unknown[] {
  const { total, current, outdated } = statusOf(cluster().store, kind, id)?.sidecars ?? {}
  return [total, current, outdated]
}

export function nudged(): string[] {
  return current.writes
    .filter((write) => /^PATCH [^/]+\/pods\//.test(write))
    .map((write) => write.split('/').at(-1) ?? '')
}
