import { matchesSelector } from '../../contract/selector.ts'
import type { SelectorConfig, SelectorTermConfig } from '../../contract/sidecar-config.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import { inOrder } from './order.ts'
import type { NamespaceLabels } from './snapshot.ts'

/** A label selector as users write it; both kinds have it. */
export interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: SelectorTermConfig['operator']; values?: string[] }[]
}

/** The same selector with every part present and its labels in one order. Absent selects everything. */
export function selectorConfig(selector: LabelSelector = {}): SelectorConfig {
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => inOrder(a, b))
  return {
    matchLabels: Object.fromEntries(labels),
    matchExpressions: (selector.matchExpressions ?? []).map(({ key, operator, values }) => ({
      key,
      operator,
      values: values ?? [],
    })),
  }
}

/** Whether `spec.access` lets pods and routes of the namespace use the provider. Its own namespace always may. */
export function admitsNamespace({ metadata, spec }: LLMProvider, namespace: NamespaceLabels): boolean {
  if (metadata.namespace === namespace.name) return true
  const { from, selector } = spec.access.namespaces
  switch (from) {
    case 'Same':
      return false
    case 'All':
      return true
    case 'Selector':
      // Without its selector, which admission demands, it must not fall open to everybody.
      return selector !== undefined && matchesSelector(selectorConfig(selector), namespace.labels)
  }
}
