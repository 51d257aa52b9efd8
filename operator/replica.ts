// What one replica does about the resources: it follows them, applies for the lease, and writes while it leads. What it
// serves (webhook, admin pages) is main.ts's.
//
// In: a client, a way to ask sidecars, settings. Out: ConfigMaps, Secrets, nudges, statuses and events, from the leader only.
// Clients, clocks and chance are arguments, so that all of it runs in a test as it does in a cluster.
import type { Log } from '../process/log.ts'
import type { SidecarAsker } from './kube/ask-sidecar.ts'
import type { KubeClient } from './kube/client.ts'
import type { Clock } from './kube/clock.ts'
import { type LeaderElection, startLeaderElection } from './kube/leader.ts'
import { type Stores, startStores } from './kube/stores.ts'
import { startTerm, type Term } from './kube/term.ts'
import type { OperatorMetrics } from './metrics.ts'
import type { OperatorSettings } from './settings.ts'

export interface ReplicaOptions {
  client: KubeClient
  asker: Pick<SidecarAsker, 'ask' | 'askLimits'>
  settings: Pick<
    OperatorSettings,
    'namespace' | 'podName' | 'watchNamespaces' | 'storeSecret' | 'nudgeRate' | 'nudgePodsMax'
  >
  /** Image that new pods get; undefined where Outrigger injects nothing. */
  sidecarImage: string | undefined
  metrics: OperatorMetrics
  /** A term has begun. */
  onLeading(): void
  clock: Clock
  random(): number
  log: Log
}

export interface Replica {
  /** Resolves when the cluster is known; from then on it applies for the lease. */
  readonly ready: Promise<void>
  isLeader(): boolean
  /** Namespaces that wait to be reconciled. */
  readonly queued: number
  readonly watchSilentMs: number
  /** Why sidecars are not told where the store is; undefined when they are, or there is none. */
  storeProblem(): string | undefined
  /** Stops writing, gives up the lease, and closes. */
  stop(): Promise<void>
}

const LEASE = 'outrigger-operator'

export function startReplica(options: ReplicaOptions): Replica {
  const { client, clock, random, settings, log } = options
  let term: Term | undefined
  let election: LeaderElection | undefined
  let stopping = false
  const stores = startStores({
    ...{ client, clock, random, log },
    namespaces: settings.watchNamespaces,
    storeURL: settings.storeSecret && { namespace: settings.namespace, ...settings.storeSecret },
    onAffected: (namespace) => term?.add(namespace),
    onPod: (change) => term?.pod(change),
    onOwnObject: (kind, change) => term?.ownObject(kind, change),
  })
  const ready = stores.ready.then(() => {
    if (stopping) return
    log.info('the cluster is known', { namespaces: stores.namespaces().size })
    election = startLeaderElection({
      ...{ client, random, log, now: clock.now, uptime: clock.uptime, startTimer: clock.startTimer },
      ...{ namespace: settings.namespace, name: LEASE, identity: settings.podName },
      onStarted: (signal) => lead(stores, signal),
      onLost: () => log.warn('the lease is lost; whoever gets it next leads'),
    })
  })

  function lead(known: Stores, signal: AbortSignal): void {
    const own = startTerm({
      ...options,
      ...{ stores: known, signal, leads: () => election?.isLeader() ?? true },
      ...{ instance: settings.podName, nudgeRate: settings.nudgeRate, nudgePodsMax: settings.nudgePodsMax },
    })
    term = own
    signal.addEventListener('abort', () => {
      if (term === own) term = undefined
    })
    options.onLeading()
  }

  return {
    ready,
    isLeader: () => election?.isLeader() ?? false,
    get queued() {
      return term?.queued ?? 0
    },
    get watchSilentMs() {
      return stores.watches.silentMs()
    },
    storeProblem: stores.storeProblem,
    async stop() {
      stopping = true
      await term?.end()
      await election?.release()
      await stores.close()
    },
  }
}
