// A small operator that has only a reflector and a queue: for every object that it follows it keeps a ConfigMap that says
// which version it saw. What it does is written down, so that a run can be judged afterwards.
import type { KubeClient } from '../../../operator/kube/client.ts'
import { type Change, type KubeObject, type ReflectorLimits, startReflector } from '../../../operator/kube/reflector.ts'
import { CONFIG_MAPS, LLM_PROVIDERS, pathOf } from '../../../operator/kube/resource.ts'
import type { SetTimer } from '../../../operator/kube/timer.ts'
import { createQueue, type QueueOptions } from '../../../operator/queue.ts'
import type { FakeObject, FakeStore } from '../../support/fake-apiserver-store.ts'
import type { Random } from '../../support/random.ts'
import { recordedLog } from '../../support/recorded-log.ts'

export const SOURCES = `${LLM_PROVIDERS.apiPath}/${LLM_PROVIDERS.plural}`
const MIRRORS = `${CONFIG_MAPS.apiPath}/${CONFIG_MAPS.plural}`
const MIRROR_NAMESPACE = 'mirrors'
const WORKERS = 2

/** What is kept of an object. */
export interface Seen {
  uid: string
  version: string
}

export interface MirrorOptions {
  client: KubeClient
  content: 'Whole' | 'Metadata'
  /** Both undefined: all objects. */
  labelSelector: string | undefined
  namespace: string | undefined
  random: Random
  now: () => number
  startTimer: SetTimer
  limits: Partial<ReflectorLimits>
  queueLimits?: Pick<QueueOptions, 'retryFirstMs' | 'retryMaxMs'>
}

export interface Mirror {
  readonly synced: Promise<void>
  /**
   * What is wrong with what it did and with what is there. Empty once the server's objects, those that the reflector has and
   * the ConfigMaps say the same, and work was done for every key after its last change.
   */
  problems(store: FakeStore): string[]
  close(): Promise<void>
}

export function startMirror(options: MirrorOptions): Mirror {
  const { client, now, startTimer } = options
  const changes: Change<Seen>[] = []
  const log = recordedLog()
  const record = createWorkRecord()
  const queue = createQueue({
    ...options.queueLimits,
    workers: WORKERS,
    work: (key) => record.of(key, () => writeMirror(client, key, reflector.objects.get(key))),
    onFailure: () => {},
    now,
    startTimer,
  })
  const reflector = startReflector<Seen>({
    ...{ client, now, startTimer, log, random: options.random, limits: options.limits },
    ...{ resource: LLM_PROVIDERS, content: options.content, labelSelector: options.labelSelector },
    namespace: options.namespace,
    keep: seenOf,
    onChange(change) {
      changes.push(change)
      record.changed(change.key)
      queue.add(change.key)
    },
  })
  let synced = false
  void reflector.synced.then(() => {
    synced = true
  })

  const differences = (store: FakeStore): string[] => {
    const wanted = wantedOf(store, options)
    return [
      ...differing('objects', Object.fromEntries(reflector.objects), wanted),
      ...differing('mirrors', mirrorsOf(store), wanted),
    ]
  }
  return {
    synced: reflector.synced,
    problems: (store) => [
      ...differences(store),
      ...(synced ? [] : ['never synced']),
      ...brokenChains(changes, reflector.objects),
      ...record.problems(),
      ...log.lines.filter(({ level }) => level === 'error').map(({ message }) => `logged: ${message}`),
    ],
    async close() {
      reflector.close()
      await queue.close()
    },
  }
}

function seenOf({ metadata: { uid, resourceVersion } }: KubeObject): Seen {
  return { uid, version: resourceVersion }
}

async function writeMirror(client: KubeClient, key: string, seen: Seen | undefined): Promise<void> {
  const name = key.replace('/', '.')
  const path = pathOf(CONFIG_MAPS, { namespace: MIRROR_NAMESPACE, name })
  if (seen === undefined) {
    await client.request({ method: 'DELETE', path }).catch((error: { status: number }) => {
      if (error.status !== 404) throw error
    })
    return
  }
  const body = { apiVersion: 'v1', kind: 'ConfigMap', data: seen }
  await client.request({ method: 'PATCH', path, body, contentType: 'application/apply-patch+yaml' })
}

type ByKey = Record<string, Seen>

function wantedOf(store: FakeStore, { labelSelector, namespace }: MirrorOptions): ByKey {
  const [label = '', value] = labelSelector?.split('=') ?? []
  const followed = store
    .list(SOURCES, namespace)
    .filter(({ metadata }) => labelSelector === undefined || metadata.labels?.[label] === value)
  return Object.fromEntries(followed.map((object) => [keyOf(object), seenOf(object as unknown as KubeObject)]))
}

function mirrorsOf(store: FakeStore): ByKey {
  const mirrors = store.list(MIRRORS, MIRROR_NAMESPACE)
  return Object.fromEntries(mirrors.map(({ metadata, data }) => [metadata.name.replace('.', '/'), data as Seen]))
}

function keyOf({ metadata: { namespace, name } }: FakeObject): string {
  return `${namespace}/${name}`
}

function differing(what: string, actual: ByKey, wanted: ByKey): string[] {
  const keys = new Set([...Object.keys(actual), ...Object.keys(wanted)])
  return [...keys]
    .filter((key) => actual[key]?.version !== wanted[key]?.version || actual[key]?.uid !== wanted[key]?.uid)
    .map((key) => `${what}: ${key} is ${JSON.stringify(actual[key])}, should be ${JSON.stringify(wanted[key])}`)
}

/** Changes of a key follow from each other, never go back, never say nothing, and lead to what is stored. */
function brokenChains(changes: readonly Change<Seen>[], objects: ReadonlyMap<string, Seen>): string[] {
  const last = new Map<string, Seen | undefined>()
  const broken = changes.flatMap(({ key, before, after }) => {
    const expected = last.get(key)
    last.set(key, after)
    if (before !== expected)
      return [`${key}: a change from ${JSON.stringify(before)} after ${JSON.stringify(expected)}`]
    if (before === undefined && after === undefined) return [`${key}: a change from nothing to nothing`]
    const forward = before === undefined || after === undefined || Number(after.version) > Number(before.version)
    return forward ? [] : [`${key}: a change from ${before.version} to ${after.version}`]
  })
  const keys = new Set([...last.keys(), ...objects.keys()])
  const lost = [...keys].filter((key) => last.get(key) !== objects.get(key)).map((key) => `${key}: a change was lost`)
  return [...broken, ...lost]
}

function createWorkRecord() {
  const running = new Set<string>()
  const lastChange = new Map<string, number>()
  const lastSuccess = new Map<string, number>()
  const found: string[] = []
  let step = 0
  return {
    changed(key: string): void {
      lastChange.set(key, ++step)
    },
    async of(key: string, work: () => Promise<void>): Promise<void> {
      if (running.has(key)) found.push(`${key} was worked on twice at once`)
      running.add(key)
      if (running.size > WORKERS) found.push(`${running.size} worked at once`)
      const began = ++step
      try {
        await work()
        lastSuccess.set(key, began)
      } finally {
        running.delete(key)
      }
    },
    problems(): string[] {
      const stale = [...lastChange].filter(([key, changed]) => (lastSuccess.get(key) ?? 0) < changed)
      return [...found, ...stale.map(([key]) => `${key} was not worked on after its last change`)]
    },
  }
}
