// A node without containers, on a fake API server: kubelets that start pods, mount what the namespace's ConfigMaps and Secret
// hold, and sync a pod when it changes, or after a minute or more; and in each pod a sidecar that adopts what is mounted, by
// the sidecar's own code, and says what it runs. Time and chance are arguments.
import { type LimitsReport, parseLimitShares, SHARES_ANNOTATION } from '../../contract/limit-shares.ts'
import {
  CONFIG_MAP,
  CREDENTIALS_SECRET,
  INJECT_LABEL,
  SHARDS_MAX,
  SIDECAR_CONTAINER,
  shardConfigMap,
} from '../../contract/names.ts'
import { SecretValue } from '../../contract/secret.ts'
import type { SetTimer } from '../../operator/kube/timer.ts'
import { Configuration } from '../../sidecar/config/configuration.ts'
import { DOCUMENT_FILES, unpackDocument } from '../../sidecar/config/document.ts'
import { Shares } from '../../sidecar/limits/shares.ts'
import { CredentialStanding } from '../../sidecar/standing/credential-standing.ts'
import type { Upstream } from '../../sidecar/upstream/upstream.ts'
import type { FakeObject, FakeStore, Place } from './fake-apiserver-store.ts'
import type { Random } from './random.ts'

export const IMAGE = 'outrigger:1'

export interface FakeNodeOptions {
  store: FakeStore
  random: Random
  startTimer: SetTimer
  /** How often a kubelet mounts what it had read before its pod was nudged. */
  staleReads?: number
}

export interface FakeSidecar {
  /** `namespace/name`. */
  readonly pod: string
  readonly configuration: Configuration
  /** Documents that it has adopted, by their revisions. */
  readonly adopted: readonly string[]
  /** Nobody can ask it. */
  unreachable: boolean
  /** By limit id, what it says of those that others count too; tests set it. */
  readonly counts: Map<string, { used: number; wanted: number }>
  /** Of limits, in force. */
  readonly shares: Readonly<Record<string, number>>
}

export interface FakeNode {
  /** Creates a pod, as a Deployment would; it runs after a moment. */
  run(namespace: string, name: string, change?: PodChange): void
  /** Ends it. `Forced`: without a word before. */
  remove(namespace: string, name: string, how?: 'Graceful' | 'Forced'): void
  /** The sidecar's process ends and is started again. */
  restart(namespace: string, name: string): void
  /** What a sidecar says at its admin address, as `createSidecarAsker` gives it. */
  ask(admin: string): Promise<string | null>
  /** What it says it counts, likewise. */
  askLimits(admin: string): Promise<LimitsReport>
  sidecar(namespace: string, name: string): FakeSidecar | undefined
  sidecars(): FakeSidecar[]
  close(): void
}

export interface PodChange {
  labels?: Record<string, string>
  /** Absent: an injected pod. */
  without?: 'Sidecar'
  image?: string
}

const PODS = '/api/v1/pods'

interface Running extends FakeSidecar {
  configuration: Configuration
  counts: Map<string, { used: number; wanted: number }>
  shares: Readonly<Record<string, number>>
  sharing: Shares
  address: string
  adopted: string[]
  uid: string
  nudge: string | undefined
  mounted: Files
  cancel: Set<() => void>
}

type Files = ReadonlyMap<string, Buffer>

export function createFakeNode({ store, random, startTimer, staleReads = 0 }: FakeNodeOptions): FakeNode {
  const running = new Map<string, Running>()
  let addresses = 0
  let processes = 0

  const unsubscribe = store.subscribe(({ collection, type, object }) => {
    if (collection !== PODS) return
    const sidecar = running.get(keyOf(object))
    if (sidecar === undefined || sidecar.uid !== object.metadata.uid) return
    if (type === 'DELETED') return stop(sidecar)
    const nudge = JSON.stringify(object.metadata.annotations ?? {})
    if (sidecar.nudge === nudge) return
    sidecar.nudge = nudge
    if (random() >= staleReads) syncSoon(sidecar)
  })

  function later(sidecar: Running, delayMs: number, run: () => void): void {
    const cancel = startTimer(() => {
      sidecar.cancel.delete(cancel)
      run()
    }, delayMs)
    sidecar.cancel.add(cancel)
  }

  function syncSoon(sidecar: Running): void {
    later(sidecar, 10 + random() * 180, () => void sync(sidecar))
  }

  function syncByItself(sidecar: Running): void {
    later(sidecar, 60_000 + random() * 30_000, () => {
      void sync(sidecar)
      syncByItself(sidecar)
    })
  }

  async function sync(sidecar: Running): Promise<void> {
    sidecar.mounted = filesOf(store, sidecar.pod.split('/')[0] ?? '')
    takeShares(sidecar)
    await adopt(sidecar)
  }

  function takeShares(sidecar: Running): void {
    const annotation = store.find(placeOf(sidecar.pod))?.metadata.annotations?.[SHARES_ANNOTATION] ?? ''
    const parsed = parseLimitShares(annotation)
    if ('problems' in parsed) return
    sidecar.sharing.assign(parsed.shares)
    sidecar.shares = parsed.shares?.shares ?? {}
  }

  /** Whom shares are granted to: this process and no other. */
  function newProcess(): Pick<Running, 'counts' | 'shares' | 'sharing'> {
    return {
      counts: new Map(),
      shares: {},
      sharing: new Shares('Assigned', `process-${++processes}`, 0, (nowMs) => nowMs),
    }
  }

  async function adopt(sidecar: Running): Promise<void> {
    const document = await unpackDocument(
      new Map([...sidecar.mounted].filter(([file]) => DOCUMENT_FILES.includes(file))),
    )
    sidecar.configuration.adopt({
      document: document !== undefined && 'text' in document ? document.text : undefined,
      labels: store.find(placeOf(sidecar.pod))?.metadata.labels ?? {},
      files: new Map(
        [...sidecar.mounted]
          .filter(([file]) => !DOCUMENT_FILES.includes(file))
          .map(([file, bytes]) => [file, new SecretValue(bytes.toString())]),
      ),
      problems: document !== undefined && 'problem' in document ? [document.problem] : [],
      shares: { shares: undefined },
    })
  }

  function start(key: string): void {
    const pod = store.find(placeOf(key))
    if (pod === undefined) return
    const address = `10.0.0.${++addresses}:8788`
    const sidecar: Running = {
      ...{ pod: key, uid: pod.metadata.uid, address, unreachable: false, adopted: [], cancel: new Set() },
      ...{ nudge: JSON.stringify(pod.metadata.annotations ?? {}), mounted: new Map() },
      ...newProcess(),
      configuration: newConfiguration(({ revision }) => sidecar.adopted.push(revision)),
    }
    running.set(key, sidecar)
    void sync(sidecar)
    syncByItself(sidecar)
    later(sidecar, 100, () => {
      say(key, address, 0, false)
      later(sidecar, 500, () => say(key, address, 0, true))
    })
  }

  function reached(admin: string): Running {
    const sidecar = [...running.values()].find(({ address }) => address === admin)
    if (sidecar === undefined || sidecar.unreachable) throw new Error(`connect ECONNREFUSED ${admin}`)
    return sidecar
  }

  function stop(sidecar: Running): void {
    for (const cancel of sidecar.cancel) cancel()
    running.delete(sidecar.pod)
  }

  /** What the kubelet reports of a pod that runs. */
  function say(key: string, address: string, restartCount: number, started: boolean): void {
    const pod = store.find(placeOf(key))
    if (pod === undefined) return
    const state = { running: {} }
    const initContainerStatuses = [{ name: SIDECAR_CONTAINER, restartCount, started, state }]
    const status = { phase: 'Running', podIP: address.split(':')[0], initContainerStatuses }
    store.update(placeOf(key), { ...pod, status }, 'Status')
  }

  return {
    run(namespace, name, { labels = {}, without, image = IMAGE } = {}) {
      const initContainers = without === undefined ? [{ name: SIDECAR_CONTAINER, image }] : []
      const metadata = { name, labels: { [INJECT_LABEL]: 'true', ...labels } }
      const body = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { initContainers } }
      const { uid } = store.create({ collection: PODS, namespace }, body).metadata
      const key = `${namespace}/${name}`
      if (without === undefined) {
        startTimer(() => store.find(placeOf(key))?.metadata.uid === uid && start(key), 200 + random() * 800)
      }
    },
    remove(namespace, name, how = 'Graceful') {
      const place = placeOf(`${namespace}/${name}`)
      const pod = store.find(place)
      if (pod === undefined) return
      if (how === 'Forced') return void store.delete(place)
      const withFinalizers = (object: FakeObject, finalizers: string[]) =>
        store.update(place, { ...object, metadata: { ...object.metadata, finalizers } }, 'Main')
      withFinalizers(pod, ['kubelet'])
      store.delete(place)
      startTimer(() => {
        const ending = store.find(place)
        if (ending?.metadata.uid === pod.metadata.uid) withFinalizers(ending, [])
      }, 2_000)
    },
    restart(namespace, name) {
      const key = `${namespace}/${name}`
      const sidecar = running.get(key)
      const status = store.find(placeOf(key))?.status as Status | undefined
      if (sidecar === undefined || status === undefined) return
      sidecar.adopted = []
      Object.assign(sidecar, newProcess())
      takeShares(sidecar)
      sidecar.configuration = newConfiguration(({ revision }) => sidecar.adopted.push(revision))
      void adopt(sidecar)
      say(key, sidecar.address, (status.initContainerStatuses[0]?.restartCount ?? 0) + 1, true)
    },
    async ask(admin) {
      const { current } = reached(admin).configuration
      return current?.complete ? current.runtime.config.revision : null
    },
    async askLimits(admin) {
      const { sharing, shares, counts } = reached(admin)
      const ids = [...new Set([...Object.keys(shares), ...counts.keys()])]
      const limits = ids.map((id) => ({ id, share: shares[id] ?? 0, ...(counts.get(id) ?? { used: 0, wanted: 0 }) }))
      return { instance: sharing.instance, sharesVersion: sharing.version, limits }
    },
    sidecar: (namespace, name) => running.get(`${namespace}/${name}`),
    sidecars: () => [...running.values()],
    close() {
      unsubscribe()
      for (const sidecar of [...running.values()]) stop(sidecar)
    },
  }
}

interface Status {
  initContainerStatuses: { restartCount: number }[]
}

function newConfiguration(onAdopted: (adopted: { revision: string }) => void): Configuration {
  return new Configuration({
    podLabels: {},
    // Connections are not what this is about.
    upstream: { adopt: () => {} } as unknown as Upstream,
    createStanding: () => new CredentialStanding(Math.random, () => {}),
    wallClock: () => 0,
    events: {
      onAdopted: ({ runtime }) => onAdopted({ revision: runtime.config.revision }),
      onRejected: () => {},
      onShares() {},
      onSharesRejected() {},
    },
  })
}

/** What the kubelet would mount: the values of all the namespace's objects, as files. */
export function filesOf(store: FakeStore, namespace: string): Map<string, Buffer> {
  const configMaps = Array.from({ length: SHARDS_MAX }, (_, shard) => shardConfigMap(shard))
  const sources = [
    ...configMaps.map((name) => store.find({ collection: '/api/v1/configmaps', namespace, name })),
    store.find({ collection: '/api/v1/secrets', namespace, name: CREDENTIALS_SECRET }),
  ]
  return new Map(sources.flatMap((source) => [...entriesOf(source, 'data'), ...entriesOf(source, 'binaryData')]))
}

function entriesOf(source: FakeObject | undefined, field: string): [string, Buffer][] {
  const encoding = source?.kind === 'ConfigMap' && field === 'data' ? 'utf8' : 'base64'
  const values = (source?.[field] ?? {}) as Record<string, string>
  return Object.entries(values).map(([file, value]) => [file, Buffer.from(value, encoding)])
}

/** The document that is published to a namespace, as text. */
export function publishedDocument(store: FakeStore, namespace: string): string | undefined {
  const data = store.find({ collection: '/api/v1/configmaps', namespace, name: CONFIG_MAP })?.data
  return (data as Record<string, string> | undefined)?.['config.json']
}

function keyOf({ metadata: { namespace, name } }: FakeObject): string {
  return `${namespace}/${name}`
}

function placeOf(key: string): Place {
  const [namespace, name = ''] = key.split('/')
  return { collection: PODS, namespace, name }
}
