// What the operator knows of the cluster, on every replica: the watched resources and the Secrets that they refer to, as
// frozen snapshots, and which namespaces a change concerns. A follower keeps it too, so that a new leader begins at once.
// Nothing is written from here.
import { CREDENTIALS_SECRET } from '../../contract/names.ts'
import type { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import type { Compiled } from '../compile/compile.ts'
import type { SecretKeyReference, StoreInput } from '../resolve/inputs.ts'
import { referencedSecrets } from '../resolve/referenced-secrets.ts'
import type { Snapshot } from '../resolve/snapshot.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import type { KubeClient } from './client.ts'
import type { Clock } from './clock.ts'
import type { Change } from './object-store.ts'
import type { OwnKind } from './publisher.ts'
import { type ReadSecret, SecretReader } from './secret-reader.ts'
import { createStoreSecret } from './store-secret.ts'
import { type SeenProvider, type SeenRoute, startWatches, type Version, type Watches } from './watches.ts'

/** A snapshot with the values of the Secrets in it. */
export interface ValuedSnapshot extends Snapshot {
  readonly providers: readonly SeenProvider[]
  readonly routes: readonly SeenRoute[]
  secretValue(reference: SecretKeyReference): SecretValue | undefined
}

export interface StoresOptions {
  client: KubeClient
  /** Empty: the whole cluster. */
  namespaces: readonly string[]
  /** Where the URL of the store lies; it need not be in one of `namespaces`. */
  storeURL: SecretKeyReference | undefined
  /** What a namespace's document or statuses are made of is different. */
  onAffected(namespace: string): void
  onPod(change: Change<SidecarPod>): void
  /** One of the objects that the operator itself wrote. */
  onOwnObject(kind: OwnKind, change: Change<Version>): void
  clock: Clock
  random(): number
  log: Log
}

export interface Stores {
  readonly watches: Watches
  /** Resolves when all was listed and every Secret that is referenced was read. */
  readonly ready: Promise<void>
  /** Resolves when no Secret that is referenced is still being read; a snapshot that is taken then shows nothing half. */
  settled(): Promise<void>
  isSettled(): boolean
  /** The same object as long as nothing has changed. */
  snapshot(): ValuedSnapshot
  /** Those with resources, with pods that ask for a sidecar, or with objects of the operator's own. */
  namespaces(): ReadonlySet<string>
  /** Whether something can be created in the namespace: it is there, and not about to go. */
  isOpen(namespace: string): boolean
  /** Why the URL of the store is not known, with the chart's field; undefined when it is, or there is to be none. */
  storeProblem(): string | undefined
  /** By `namespace/name`; undefined for what is not the operator's own. */
  ownVersion(kind: OwnKind, key: string): string | undefined
  close(): Promise<void>
}

export function startStores(options: StoresOptions): Stores {
  let snapshot: ValuedSnapshot | undefined
  const storeSecret = createStoreSecret(options.storeURL, options.log)
  const secrets = new SecretReader({
    ...options,
    versionOf: (key) => watches.secretVersions.get(key)?.version,
    isWatched: (key) =>
      options.namespaces.length === 0 || options.namespaces.some((name) => key.startsWith(`${name}/`)),
    onChange: () => {
      snapshot = undefined
      storeSecret.note(secrets.secrets())
      affectAll()
    },
  })
  const wantSecrets = onceInATurn(() =>
    secrets.want(new Set([...watches.providers.all().flatMap(referencedSecrets), ...storeSecret.wanted])),
  )
  const affectAll = onceInATurn(() => {
    for (const namespace of stores.namespaces()) options.onAffected(namespace)
  })
  const affectOne = ({ key }: Change<unknown>): void => {
    snapshot = undefined
    options.onAffected(key.split('/')[0] ?? '')
  }
  const watches = startWatches({
    ...options,
    on: {
      provider: (change) => {
        affectOne(change)
        if (!isNews(change)) return
        wantSecrets()
        affectAll()
      },
      route: affectOne,
      namespace: affectOne,
      pod: options.onPod,
      secret: (change) => {
        secrets.noticed(change.key)
        if (isOwnSecret(change)) options.onOwnObject('Secret', change)
      },
      configMap: (change) => options.onOwnObject('ConfigMap', change),
    },
  })
  const stores: Stores = {
    watches,
    ready: watches.synced.then(() => secrets.settled()).then(() => storeSecret.note(secrets.secrets())),
    async settled() {
      while (!stores.isSettled()) await secrets.settled()
    },
    isSettled: () => !wantSecrets.isDue() && secrets.isSettled,
    snapshot() {
      snapshot ??= takeSnapshot(watches, secrets.secrets(), storeSecret.found(secrets.secrets()))
      return snapshot
    },
    namespaces: () => namespacesOf(watches),
    isOpen: (namespace) => watches.namespaces.get(namespace)?.isTerminating === false,
    storeProblem: () => storeSecret.problem(secrets.secrets()),
    ownVersion(kind, key) {
      const seen = (kind === 'Secret' ? watches.secretVersions : watches.configMapVersions).get(key)
      return seen?.isOwn ? seen.version : undefined
    },
    async close() {
      watches.close()
      await secrets.close()
    },
  }
  wantSecrets()
  return stores
}

/** A list brings thousands of changes in one turn of the event loop; what follows from any of them is done once behind them. */
function onceInATurn(run: () => void): { (): void; isDue(): boolean } {
  let isDue = false
  const schedule = (): void => {
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      run()
    })
  }
  return Object.assign(schedule, { isDue: () => isDue })
}

/** Of the document's credentials, by their files; those that are not there any more are left out. */
export function credentialValues({ credentials }: Compiled, seen: ValuedSnapshot): Map<string, SecretValue> {
  const values = new Map<string, SecretValue>()
  for (const { file, secret } of credentials) {
    const value = seen.secretValue(secret)
    if (value !== undefined) values.set(file, value)
  }
  return values
}

function takeSnapshot(
  { providers, routes, namespaces }: Watches,
  secrets: readonly ReadSecret[],
  store: StoreInput | undefined,
): ValuedSnapshot {
  const byName = new Map(secrets.map((secret) => [`${secret.namespace}/${secret.name}`, secret]))
  return Object.freeze({
    providers: Object.freeze(providers.all()),
    routes: Object.freeze(routes.all()),
    namespaces: Object.freeze(namespaces.all()),
    secrets: Object.freeze(secrets),
    ...(store && { store }),
    secretValue: ({ namespace, name, key }: SecretKeyReference) => byName.get(`${namespace}/${name}`)?.values.get(key),
  })
}

function namespacesOf({ providers, routes, pods, configMapVersions, secretVersions }: Watches): Set<string> {
  const ownSecrets = secretVersions.all().filter(({ name, isOwn }) => isOwn && name === CREDENTIALS_SECRET)
  return new Set([
    ...[...providers.all(), ...routes.all()].map(({ metadata }) => metadata.namespace),
    ...[...pods.all(), ...configMapVersions.all(), ...ownSecrets].map(({ namespace }) => namespace),
  ])
}

/** A status, or a label, is no news: only what was asked for is. */
function isNews({ before, after }: Change<SeenProvider>): boolean {
  return before?.metadata.uid !== after?.metadata.uid || before?.metadata.generation !== after?.metadata.generation
}

/** Somebody else's of that name is left alone until there is something to publish. */
function isOwnSecret({ before, after }: Change<Version>): boolean {
  return [before, after].some((seen) => seen?.name === CREDENTIALS_SECRET && seen.isOwn)
}
