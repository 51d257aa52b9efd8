// Writes what `render` made of a namespace's document, and takes it away with the namespace's last user. An object that is
// there as it should be is not written again: what was applied is remembered, by hash and by the versions that the objects
// then had, and when the watch shows anything else, somebody else has changed it. Of several objects only those are written
// that differ: most changes are of the document, and credentials stay.
//
// The order matters to a sidecar that reads in between: the Secret comes before the document that names its files, and what
// is no longer needed goes last. After a restart nothing is remembered, and all is applied once: that changes nothing, and so
// writes nothing, where it is there already. Reading it first was rejected: as many requests, and a right more.
import { createHash } from 'node:crypto'
import { CONFIG_MAP, CREDENTIALS_SECRET, SHARDS_MAX, shardConfigMap } from '../../contract/names.ts'
import type { ConfigMapObject, RenderedObjects } from '../render/render.ts'
import { type SecretObject, secretBody } from '../render/secret-object.ts'
import { type AppliedObject, applyObject } from './apply.ts'
import type { KubeClient, KubeError } from './client.ts'
import { CONFIG_MAPS, pathOf, type Resource, SECRETS } from './resource.ts'
import { isOlder } from './resource-version.ts'

export type OwnKind = 'ConfigMap' | 'Secret'

export interface PublisherOptions {
  client: Pick<KubeClient, 'request'>
  /** What the watch saw last of `namespace/name`; undefined when it is not there. */
  versionOf(kind: OwnKind, key: string): string | undefined
  /** The namespace's objects are not as they were left: somebody else wrote or deleted one. */
  onDrift(namespace: string): void
}

interface Written {
  /** That the object had then. */
  version: string
  /** Of what was written; undefined when it may have been changed since. */
  digest: string | undefined
}

interface Place {
  /** Of what is there; undefined when that is not known. */
  hash: string | undefined
  /** What was written and not removed, by kind and name. */
  written: Map<string, Written>
  /**
   * While the namespace is written: those that went meanwhile. What the watch shows then may be older than what is written,
   * and is looked at afterwards.
   */
  gone: Set<string> | undefined
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
  readonly #places = new Map<string, Place>()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /**
   * Makes the namespace's objects these. `Unchanged`: they were there already, as far as the watch could tell. Throws KubeError;
   * what was written by then stays. Not twice at once for a namespace.
   */
  async publish(namespace: string, rendered: RenderedObjects): Promise<'Written' | 'Unchanged'> {
    const place = this.#place(namespace)
    if (place.hash === rendered.hash) return 'Unchanged'
    const outcome = await this.#busy(place, () => this.#write(namespace, place, rendered))
    place.hash = rendered.hash
    if (this.#isDisturbed(namespace, place)) this.#drift(namespace)
    place.gone = undefined
    return outcome
  }

  /** Takes away all that is published to the namespace. */
  async withdraw(namespace: string): Promise<void> {
    const place = this.#place(namespace)
    await this.#busy(place, async () => {
      for (const [kind, name] of OWN_NAMES) await this.#remove(place, { kind, namespace, name })
    })
    this.#places.delete(namespace)
  }

  /** Whether something of ours is there. */
  holds(namespace: string): boolean {
    return OWN_NAMES.some(([kind, name]) => this.#isThere(this.#places.get(namespace), { kind, namespace, name }))
  }

  /**
   * Whether the watch has not shown something that was written. It comes late, or never: when somebody deletes the object
   * before the watch begins again.
   */
  isUnseen(namespace: string): boolean {
    const written = this.#places.get(namespace)?.written
    return OWN_NAMES.some(
      ([kind, name]) =>
        written?.has(`${kind} ${name}`) && this.#options.versionOf(kind, `${namespace}/${name}`) === undefined,
    )
  }

  /** What was written is written again. */
  doubt(namespace: string): void {
    const place = this.#places.get(namespace)
    if (place !== undefined) place.hash = undefined
    for (const one of place?.written.values() ?? []) one.digest = undefined
  }

  /** The namespace goes, and all that is in it. */
  forget(namespace: string): void {
    this.#places.delete(namespace)
  }

  /** The watch showed one of the operator's own objects in this version, or, without one, that it is gone. */
  noticed(kind: OwnKind, { namespace, name, version }: { namespace: string; name: string; version?: string }): void {
    const place = this.#places.get(namespace)
    const key = `${kind} ${name}`
    if (place?.gone !== undefined) {
      if (version === undefined) place.gone.add(key)
      return
    }
    const written = place?.written.get(key)?.version
    if (version === undefined) place?.written.delete(key)
    const isExpected =
      written === undefined ? version === undefined : version !== undefined && !isOlder(written, version)
    if (!isExpected) this.#drift(namespace)
  }

  /** `gone` stays after success, for whoever is to look at it. */
  async #busy<Result>(place: Place, run: () => Promise<Result>): Promise<Result> {
    place.hash = undefined
    place.gone = new Set()
    try {
      return await run()
    } catch (error) {
      place.gone = undefined
      throw error
    }
  }

  async #write(namespace: string, place: Place, rendered: RenderedObjects): Promise<'Written' | 'Unchanged'> {
    const { secret, configMaps, unneeded } = rendered
    const outcomes = new Set<'Written' | 'Unchanged'>()
    // The Secret's values are not in its digest: other values have other names, or another annotation.
    if (secret !== undefined)
      outcomes.add(await this.#apply(place, 'Secret', digestOf(secret), () => secretBody(secret)))
    for (const configMap of configMaps)
      outcomes.add(await this.#apply(place, 'ConfigMap', digestOf(configMap), () => configMap))
    for (const { kind, name } of unneeded) await this.#remove(place, { kind, namespace, name })
    return outcomes.has('Written') ? 'Written' : 'Unchanged'
  }

  async #apply(
    place: Place,
    kind: OwnKind,
    { digest, name, namespace }: { digest: string; name: string; namespace: string },
    body: () => AppliedObject,
  ): Promise<'Written' | 'Unchanged'> {
    const key = `${kind} ${name}`
    if (place.written.get(key)?.digest === digest) return 'Unchanged'
    const seen = this.#options.versionOf(kind, `${namespace}/${name}`)
    const { client } = this.#options
    const answer = await applyObject<{ metadata: { resourceVersion: string } }>(client, RESOURCES[kind], body())
    const version = answer.metadata.resourceVersion
    place.written.set(key, { version, digest })
    return version === seen ? 'Unchanged' : 'Written'
  }

  /** Whether somebody else was at it while it was written: in doubt, yes. */
  #isDisturbed(namespace: string, { written: all, gone }: Place): boolean {
    return OWN_NAMES.some(([kind, name]) => {
      const written = all.get(`${kind} ${name}`)?.version
      const seen = this.#options.versionOf(kind, `${namespace}/${name}`)
      if (written === undefined) return false
      return seen === undefined ? gone?.has(`${kind} ${name}`) === true : isOlder(written, seen)
    })
  }

  #drift(namespace: string): void {
    this.doubt(namespace)
    this.#options.onDrift(namespace)
  }

  async #remove(place: Place, own: { kind: OwnKind; namespace: string; name: string }): Promise<void> {
    const { kind, namespace, name } = own
    if (!this.#isThere(place, own)) return
    try {
      await this.#options.client.request({ method: 'DELETE', path: pathOf(RESOURCES[kind], { namespace, name }) })
    } catch (error) {
      if ((error as KubeError).status !== 404) throw error
    }
    place.written.delete(`${kind} ${name}`)
  }

  /** What was written last the watch may not show yet. */
  #isThere(place: Place | undefined, { kind, namespace, name }: { kind: OwnKind; namespace: string; name: string }) {
    return (
      place?.written.has(`${kind} ${name}`) === true ||
      this.#options.versionOf(kind, `${namespace}/${name}`) !== undefined
    )
  }

  #place(namespace: string): Place {
    const found = this.#places.get(namespace)
    if (found !== undefined) return found
    const created: Place = { hash: undefined, written: new Map(), gone: undefined }
    this.#places.set(namespace, created)
    return created
  }
}

function digestOf(object: SecretObject | ConfigMapObject): { digest: string; name: string; namespace: string } {
  const { name, namespace } = object.metadata
  return { digest: createHash('sha256').update(JSON.stringify(object)).digest('hex'), name, namespace }
}
