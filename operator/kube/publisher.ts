// Writes what `render` made of a namespace's document, and takes it away with the namespace's last user. An object that is
// there as it should be is not written again: what was applied is remembered, by hash and by the versions it then had, and
// when the watch shows a newer version, somebody else has changed it.
//
// The order matters to a sidecar that reads in between: the Secret comes before the document that names its files, and what
// is no longer needed goes last.
import { CONFIG_MAP, CREDENTIALS_SECRET, SHARDS_MAX, shardConfigMap } from '../../contract/names.ts'
import type { RenderedObjects } from '../render/render.ts'
import { secretBody } from '../render/secret-object.ts'
import { type AppliedObject, applyObject } from './apply.ts'
import type { KubeClient, KubeError } from './client.ts'
import { CONFIG_MAPS, pathOf, type Resource, SECRETS } from './resource.ts'
import { isOlder } from './resource-version.ts'

export type OwnKind = 'ConfigMap' | 'Secret'

export interface PublisherOptions {
  client: KubeClient
  /** What the watch saw last of `namespace/name`; undefined when it is not there. */
  versionOf(kind: OwnKind, key: string): string | undefined
  /** Somebody else changed or deleted what was published. */
  onDrift(namespace: string): void
}

interface Published {
  hash: string
  /** By kind and name: the version that the object had when it was written. */
  versions: ReadonlyMap<string, string>
}

const RESOURCES: Readonly<Record<OwnKind, Resource>> = { ConfigMap: CONFIG_MAPS, Secret: SECRETS }

const OWN_NAMES: readonly (readonly [OwnKind, string])[] = [
  // First of all, so that a sidecar that starts now waits for a document and does not read half of one.
  ['ConfigMap', CONFIG_MAP],
  ...Array.from({ length: SHARDS_MAX - 1 }, (_, i): [OwnKind, string] => ['ConfigMap', shardConfigMap(i + 1)]),
  ['Secret', CREDENTIALS_SECRET],
]

export class Publisher {
  readonly #options: PublisherOptions
  readonly #published = new Map<string, Published>()
  /** Namespaces that are being written: what the watch shows of them meanwhile may be our own, and is looked at afterwards. */
  readonly #writing = new Map<string, 'Undisturbed' | 'Disturbed'>()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Whether anything had to be written. Throws KubeError; what was written by then stays. */
  async publish(namespace: string, rendered: RenderedObjects): Promise<'Written' | 'Unchanged'> {
    if (this.#published.get(namespace)?.hash === rendered.hash) return 'Unchanged'
    this.#published.delete(namespace)
    this.#writing.set(namespace, 'Undisturbed')
    let disturbed = false
    try {
      const { secret, configMaps, unneeded, hash } = rendered
      const versions = new Map<string, string>()
      if (secret !== undefined)
        versions.set(`Secret ${CREDENTIALS_SECRET}`, await this.#apply('Secret', secretBody(secret)))
      for (const each of configMaps)
        versions.set(`ConfigMap ${each.metadata.name}`, await this.#apply('ConfigMap', each))
      for (const { kind, name } of unneeded) await this.#remove(kind, namespace, name)
      this.#published.set(namespace, { hash, versions })
    } finally {
      disturbed = this.#writing.get(namespace) === 'Disturbed'
      this.#writing.delete(namespace)
    }
    if (disturbed || this.#isOutdated(namespace)) this.#drift(namespace)
    return 'Written'
  }

  /** Takes away all that is published to the namespace. */
  async withdraw(namespace: string): Promise<void> {
    this.#published.delete(namespace)
    for (const [kind, name] of OWN_NAMES) await this.#remove(kind, namespace, name)
  }

  /** The watch showed one of the operator's own objects in this version, or, without one, that it is gone. */
  noticed(kind: OwnKind, { namespace, name, version }: { namespace: string; name: string; version?: string }): void {
    if (this.#writing.has(namespace)) {
      if (version === undefined) this.#writing.set(namespace, 'Disturbed')
      return
    }
    const written = this.#published.get(namespace)?.versions.get(`${kind} ${name}`)
    if (written !== undefined && (version === undefined || isOlder(written, version))) this.#drift(namespace)
  }

  #isOutdated(namespace: string): boolean {
    return OWN_NAMES.some(([kind, name]) => {
      const written = this.#published.get(namespace)?.versions.get(`${kind} ${name}`)
      const seen = this.#options.versionOf(kind, `${namespace}/${name}`)
      return written !== undefined && seen !== undefined && isOlder(written, seen)
    })
  }

  #drift(namespace: string): void {
    this.#published.delete(namespace)
    this.#options.onDrift(namespace)
  }

  async #apply(kind: OwnKind, object: AppliedObject): Promise<string> {
    const { client } = this.#options
    const answer = await applyObject<{ metadata: { resourceVersion: string } }>(client, RESOURCES[kind], object)
    return answer.metadata.resourceVersion
  }

  async #remove(kind: OwnKind, namespace: string, name: string): Promise<void> {
    const version = this.#options.versionOf(kind, `${namespace}/${name}`)
    if (version === undefined) return
    try {
      await this.#options.client.request({ method: 'DELETE', path: pathOf(RESOURCES[kind], { namespace, name }) })
    } catch (error) {
      if ((error as KubeError).status !== 404) throw error
    }
  }
}
