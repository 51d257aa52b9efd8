// What a pod belongs to, as people know it: `Deployment/shop`, not the ReplicaSet in between. Limits and usage by workload go by it.
// Injection writes it into the pod, and the operator groups pods by it, so both ask here; the chart's policy does the same in CEL.

/** The fields of a pod that tell. */
export interface Owned {
  readonly labels: Readonly<Record<string, unknown>>
  readonly owners: readonly { readonly kind: string; readonly name: string; readonly controller: boolean }[]
}

/** Undefined for a pod that nobody controls: it is known by its own name. */
export function workloadOf({ labels, owners }: Owned): string | undefined {
  const owner = owners.find(({ controller }) => controller)
  if (owner === undefined) return undefined
  const { kind, name } = owner
  // A Deployment names its ReplicaSets after itself and the hash of their template, which it puts on the pods as a label.
  const suffix = `-${String(labels['pod-template-hash'] ?? '')}`
  const isOfDeployment = kind === 'ReplicaSet' && suffix !== '-' && name.endsWith(suffix)
  return isOfDeployment ? `Deployment/${name.slice(0, -suffix.length)}` : `${kind}/${name}`
}
