import type { SelectorConfig, SelectorTermConfig } from './sidecar-config.ts'

/**
 * Whether every term of a label selector holds, with the semantics of Kubernetes
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors): an empty selector selects
 * everything, and `NotIn` holds where the label is missing. The operator selects namespaces with it, the sidecar its pod.
 */
export function matchesSelector(selector: SelectorConfig, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    selector.matchExpressions.every((term) => holds(term, labelOf(labels, term.key)))
  )
}

function holds(term: SelectorTermConfig, label: string | undefined): boolean {
  switch (term.operator) {
    case 'In':
      return label !== undefined && term.values.includes(label)
    case 'NotIn':
      return label === undefined || !term.values.includes(label)
    case 'Exists':
      return label !== undefined
    case 'DoesNotExist':
      return label === undefined
  }
}

// A label key is a user's text: `constructor` must not find what every object inherits.
function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
