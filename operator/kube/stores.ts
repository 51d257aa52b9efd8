// What the operator knows of the cluster, on every replica: the watched resources and the Secrets that they refer to, as
// frozen snapshots, and which namespaces a change concerns. A follower keeps it too, so that a new leader begins at once.
// Nothing is written from here.
import type { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import type { SecretKeyReference } from '../resolve/inputs.ts'
import { referencedSecrets } from '../resolve/referenced-secrets.ts'
import type { Snapshot } from '../resolve/snapshot.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import type { KubeClient } from './client.ts'
import type { Change } from './object-store.ts'
import type { OwnKind } from './publisher.ts'
import { type ReadSecret, SecretReader } from './secret-reader.ts'
import { startWatches, type Version, type Watches } from './watches.ts'

/** A snapshot with the values of the Secrets in it. */
export interface ValuedSnapshot extends Snapshot {
  secretValue(reference: SecretKeyReference): SecretValue | undefined
}

export interface StoresOptions {
  client: KubeClient
  /** Empty: the whole cluster. */
  namespaces: readonly string[]
  /** What a namespace's document or statuses are made of is different. */
  onAffected(namespace: string): void
  onPod(change: Change<SidecarPod>): void
  /** One of the objects that the operator itself wrote. */
  onOwnObject(kind: OwnKind, change: Change<Version>): void
  /** An LLMProvider or LLMRoute is gone. */
  onGone(uid: string | undefined): void
  now(): number
  random(): number
  log: Log
}

export interface Stores {
  readonly watches: Watches
  /** Resolves when all was listed and every Secret that is referenced was read. */
  readonly ready: Promise<void>
  /** The same object as long as nothing has changed. */
  snapshot(): ValuedSnapshot
  /** Those with resources, with pods that ask for a sidecar, or with objects of the operator's own. */
  namespaces(): ReadonlySet<string>
  close(): Promise<void>
}

export function startStores(options: StoresOptions): Stores {
  let snapshot: ValuedSnapshot | undefined
  const affectAll = (): void => {
    for (const namespace of stores.namespaces()) options.onAffected(namespace)
  }
  const secrets = new SecretReader({
    client: options.client,
    versionOf: (key) => watches.secretVersions.get(key)?.version,
    onChange: () => {
      snapshot = undefined
      affectAll()
    },
    log: options.log,
  })
  const wantSecrets = (): void => secrets.want(new Set(watches.providers.all().flatMap(referencedSecrets)))
  const watches = startWatches({
    ...options,
    on: {
      provider: (change) => {
        snapshot = undefined
        wantSecrets()
        if (isNews(change)) affectAll()
        else options.onAffected(namespaceOf(change))
        noteGone(change, options)
      },
      route: (change) => {
        snapshot = undefined
        options.onAffected(namespaceOf(change))
        noteGone(change, options)
      },
      namespace: ({ key }) => {
        snapshot = undefined
        options.onAffected(key)
      },
      pod: options.onPod,
      secret: (change) => {
        secrets.noticed(change.key)
        options.onOwnObject('Secret', change)
      },
      configMap: (change) => options.onOwnObject('ConfigMap', change),
    },
  })
  const stores: Stores = {
    watches,
    ready: watches.synced.then(() => secrets.settled()),
    snapshot() {
      snapshot ??= takeSnapshot(watches, secrets.secrets())
      return snapshot
    },
    namespaces: () =>
      new Set([
        ...[...watches.providers.all(), ...watches.routes.all()].map(({ metadata }) => metadata.namespace),
        ...[...watches.pods.all(), ...watches.configMapVersions.all()].map(({ namespace }) => namespace),
      ]),
    async close() {
      watches.close()
      await secrets.close()
    },
  }
  return stores
}

function takeSnapshot({ providers, routes, namespaces }: Watches, secrets: readonly ReadSecret[]): ValuedSnapshot {
  const byName = new Map(secrets.map((secret) => [`${secret.namespace}/${secret.name}`, secret]))
  return Object.freeze({
    providers: Object.freeze(providers.all()),
    routes: Object.freeze(routes.all()),
    namespaces: Object.freeze(namespaces.all()),
    secrets: Object.freeze(secrets),
    secretValue: ({ namespace, name, key }: SecretKeyReference) => byName.get(`${namespace}/${name}`)?.values.get(key),
  })
}

interface Resource {
  metadata: { namespace: string; uid?: string; generation?: number }
}

/** A status, or a label, is no news: only what was asked for is. */
function isNews({ before, after }: Change<Resource>): boolean {
  return before?.metadata.uid !== after?.metadata.uid || before?.metadata.generation !== after?.metadata.generation
}

function namespaceOf({ key }: Change<unknown>): string {
  return key.split('/')[0] ?? ''
}

function noteGone({ before, after }: Change<Resource>, { onGone }: StoresOptions): void {
  if (before !== undefined && before.metadata.uid !== after?.metadata.uid) onGone(before.metadata.uid)
}
