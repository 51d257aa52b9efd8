// What a document says about each object, boiled down to digests: enough to tell for any pod, without the documents
// themselves, whether a newer one says anything else to it.
//
// One document serves a whole namespace, but a change of one route concerns only the pods that it selects. Comparing
// revisions alone would nudge, and count as outdated, every pod of the namespace. In: documents and pods' labels. Out:
// which objects concern a pod, and whether two documents are the same to it. Never sees a pod's state or a clock.
import { createHash } from 'node:crypto'
import { matchesSelector } from '../../contract/selector.ts'
import type { SelectorConfig, SidecarConfig } from '../../contract/sidecar-config.ts'
import type { ObjectReference } from '../api/problem.ts'

export type Labels = Readonly<Record<string, string>>

export interface Fingerprint {
  readonly revision: string
  readonly routes: readonly RoutePrint[]
  /** Digest by `namespace/name`. */
  readonly providers: ReadonlyMap<string, string>
}

interface RoutePrint {
  /** `namespace/name`. */
  readonly id: string
  readonly digest: string
  readonly workloads: SelectorConfig
  /** Ids of the providers that its rules name. */
  readonly providers: readonly string[]
}

export function fingerprintOf(config: SidecarConfig): Fingerprint {
  return {
    revision: config.revision,
    routes: config.routes.map((route) => ({
      id: route.id,
      digest: digestOf(route),
      workloads: route.workloads,
      providers: [...new Set(route.rules.flatMap(({ backends }) => backends.map(({ provider }) => provider)))],
    })),
    providers: new Map(config.providers.map((provider) => [provider.id, digestOf(provider)])),
  }
}

/** `LLMRoute shop/chat`: how an object is named among digests. */
export function objectKey({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace}/${name}`
}

/** Digests of the objects that decide for a pod with these labels, by `objectKey`; a pod without routes uses all providers. */
export function concerning({ routes, providers }: Fingerprint, labels: Labels): ReadonlyMap<string, string> {
  const selected = routes.filter(({ workloads }) => matchesSelector(workloads, labels))
  const used = selected.length === 0 ? [...providers.keys()] : selected.flatMap((route) => route.providers)
  return new Map([
    ...selected.map(({ id, digest }): [string, string] => [`LLMRoute ${id}`, digest]),
    ...used.map((id): [string, string] => [`LLMProvider ${id}`, providers.get(id) ?? '']),
  ])
}

/** Whether `running` tells a pod with these labels what `wanted` tells it, in the order in which routes are tried. */
export function sameFor(labels: Labels, running: Fingerprint | undefined, wanted: Fingerprint): boolean {
  if (running === undefined) return false
  if (running.revision === wanted.revision) return true
  const [before, after] = [[...concerning(running, labels)], [...concerning(wanted, labels)]]
  return (
    before.length === after.length &&
    before.every(([key, digest], i) => key === after[i]?.[0] && digest === after[i]?.[1])
  )
}

function digestOf(part: object): string {
  return createHash('sha256').update(JSON.stringify(part)).digest('hex').slice(0, 16)
}
