// A walk through an API server with a client: what it answered, a line each, without what differs from run to run.
import { type KubeClient, KubeError, type KubeRequest, type WatchEvent } from '../../operator/kube/client.ts'
import { CONFIG_MAPS, PODS, pathOf } from '../../operator/kube/resource.ts'

interface Answer {
  kind?: string
  metadata: {
    name: string
    uid: string
    resourceVersion: string
    generation?: number
    deletionTimestamp?: string
    continue?: string
    labels?: Record<string, string>
  }
  data?: Record<string, string>
  items?: Answer[]
  spec?: { activeDeadlineSeconds?: number }
  status?: { message?: string }
}

const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

interface Walk {
  ask(request: KubeRequest): Promise<Answer>
  /** Why it was refused. */
  refused(request: KubeRequest): Promise<string>
  namespace: string
  /** Path of the namespace's ConfigMaps. */
  all: string
  /** Path of one of them. */
  at(name: string): string
}

/** Needs a namespace with a service account. Leaves nothing there. */
export async function apiAnswers(client: KubeClient, namespace: string): Promise<string[]> {
  const walk = walkWith(client, namespace)
  const begin = await walk.ask({ method: 'GET', path: walk.all })
  const watching = watchLabelled(client, walk.all, begin.metadata.resourceVersion)
  const lines: string[] = []
  for (const part of [writes, applies, lists, pages, metadata, deletions, statusAlone])
    lines.push(...(await part(walk)))
  await comesAndGoes(walk)
  const events = await watching(7)
  lines.push(
    `watch of team=a: ${events.map(({ type, object }) => `${type} ${(object as Answer).metadata.name}`).join(', ')}`,
  )
  const versions = events.map(({ object }) => Number((object as Answer).metadata.resourceVersion))
  const rise = versions.every((version, index) => index === 0 || version > (versions[index - 1] ?? 0))
  lines.push(rise ? 'versions only rise' : `versions are ${versions}`)
  await walk.ask({ method: 'DELETE', path: walk.at('x') })
  return lines
}

function walkWith(client: KubeClient, namespace: string): Walk {
  return {
    namespace,
    all: pathOf(CONFIG_MAPS, { namespace }),
    at: (name) => pathOf(CONFIG_MAPS, { namespace, name }),
    ask: (request) => client.request<Answer>(request),
    async refused(request) {
      const error = await client.request(request).catch((error: unknown) => error)
      return error instanceof KubeError ? `${error.status} ${error.reason}` : 'not refused'
    },
  }
}

function configMap(name: string, labels: object, data: object) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data }
}

async function writes({ ask, refused, all, at }: Walk): Promise<string[]> {
  const created = await ask({ method: 'POST', path: all, body: configMap('x', { team: 'a' }, { a: '1' }) })
  const { name, uid, generation = 1 } = created.metadata
  const again = await refused({ method: 'POST', path: all, body: configMap('x', {}, {}) })
  const none = await refused({ method: 'GET', path: at('none') })
  const body = { ...created, metadata: { ...created.metadata, resourceVersion: '1' } }
  const stale = await refused({ method: 'PUT', path: at('x'), body })
  const same = await ask({ method: 'PUT', path: at('x'), body: created })
  const patch = { method: 'PATCH', path: at('x'), contentType: MERGE } as const
  const patched = await ask({ ...patch, body: { data: { a: '2', b: '3' } } })
  const without = await ask({ ...patch, body: { data: { a: null } } })
  return [
    `create: ${name} generation ${generation} ${uid ? 'new uid' : 'no uid'}`,
    `create again: ${again}`,
    `get what is not there: ${none}`,
    `update with a stale version: ${stale}`,
    `update without a change: ${sameVersion(created, same)}`,
    `merge patch: data ${JSON.stringify(patched.data)}`,
    `merge patch of null: data ${JSON.stringify(without.data)}`,
  ]
}

async function applies({ ask, refused, at }: Walk): Promise<string[]> {
  const apply: KubeRequest = {
    ...{ method: 'PATCH', path: at('y'), contentType: APPLY, body: configMap('y', { team: 'b' }, { c: '1' }) },
    query: { fieldManager: 'test', force: 'true' },
  }
  const applied = await ask(apply)
  const again = await ask(apply)
  const unknown = await refused({ method: 'PATCH', path: at('y'), contentType: 'application/nothing', body: [] })
  return [
    `apply creates: ${applied.metadata.name}`,
    `apply again: ${sameVersion(applied, again)}`,
    `a patch of no known type: ${unknown}`,
  ]
}

async function lists({ ask, all }: Walk): Promise<string[]> {
  const lines: string[] = []
  for (const labelSelector of ['team=a', 'team!=a', 'team in (a,b)', '!team']) {
    const { items = [] } = await ask({ method: 'GET', path: all, query: { labelSelector } })
    // A namespace has ConfigMaps of its own, without labels.
    const ours = items.filter(({ metadata }) => ['x', 'y'].includes(metadata.name))
    lines.push(`label selector ${labelSelector}: ${namesOf({ items: ours })}`)
    if (ours.some((item) => 'kind' in item || 'apiVersion' in item)) lines.push('items say kind or version')
  }
  const named = await ask({ method: 'GET', path: all, query: { fieldSelector: 'metadata.name=y' } })
  return [...lines, `field selector: ${namesOf(named)}`]
}

async function pages({ ask, all }: Walk): Promise<string[]> {
  const query = { labelSelector: 'team in (a,b)', limit: '1' }
  const first = await ask({ method: 'GET', path: all, query })
  const next = await ask({ method: 'GET', path: all, query: { ...query, continue: first.metadata.continue ?? '' } })
  const version = sameVersion(first, next) === 'same version' ? 'both of one version' : 'of two versions'
  return [`page of 1: ${namesOf(first)}, then ${namesOf(next)}; ${version}`]
}

async function metadata({ ask, at }: Walk): Promise<string[]> {
  const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
  const { kind, metadata, data } = await ask({ method: 'GET', path: at('x'), accept })
  return [`metadata: ${kind} ${metadata.name}, ${data ? 'data' : 'no data'}`]
}

async function deletions({ ask, refused, at }: Walk): Promise<string[]> {
  const path = at('y')
  const hold = (finalizers: string[] | null): KubeRequest => {
    return { method: 'PATCH', path, contentType: MERGE, body: { metadata: { finalizers } } }
  }
  const wrong = await refused({ method: 'DELETE', path, body: { preconditions: { uid: 'other' } } })
  await ask(hold(['outrigger.dev/test']))
  await ask({ method: 'DELETE', path })
  const { deletionTimestamp } = (await ask({ method: 'GET', path })).metadata
  await ask(hold(null))
  return [
    `delete with the wrong uid: ${wrong}`,
    `delete of what has a finalizer: stays ${deletionTimestamp ? 'with' : 'without'} a deletionTimestamp`,
    `the last finalizer goes: ${await refused({ method: 'GET', path })}`,
  ]
}

async function statusAlone({ ask, namespace }: Walk): Promise<string[]> {
  const path = pathOf(PODS, { namespace, name: 'p' })
  const spec = { containers: [{ name: 'c', image: 'localhost/none:test' }] }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }
  await ask({ method: 'POST', path: pathOf(PODS, { namespace }), body: pod })
  const patch = { method: 'PATCH', path, contentType: MERGE } as const
  const part = { status: { message: 'm' }, spec: { activeDeadlineSeconds: 7 } }
  const status = await ask({ ...patch, path: `${path}/status`, body: part })
  const main = await ask({ ...patch, body: { status: { message: 'n' }, metadata: { labels: { a: 'b' } } } })
  await ask({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } })
  const keeps = main.status?.message === 'm' && main.metadata.labels?.a === 'b'
  const alone = status.status?.message === 'm' && status.spec?.activeDeadlineSeconds === undefined
  const words = `${keeps ? 'main keeps it' : 'main changes it'}, status changes ${alone ? 'nothing else' : 'more'}`
  return [`status is a part of its own: ${words}`]
}

/** Out of what the selector matches, into it, and deleted, and there again. */
async function comesAndGoes({ ask, all, at }: Walk): Promise<void> {
  for (const team of ['b', 'a']) {
    await ask({ method: 'PATCH', path: at('x'), contentType: MERGE, body: { metadata: { labels: { team } } } })
  }
  await ask({ method: 'DELETE', path: at('x') })
  await ask({ method: 'POST', path: all, body: configMap('x', { team: 'a' }, {}) })
}

/** Gives what waits for so many events. */
function watchLabelled(client: KubeClient, path: string, resourceVersion: string) {
  const events: WatchEvent[] = []
  const leaving = new AbortController()
  let onEvent = (): void => {}
  const query = { labelSelector: 'team=a', resourceVersion }
  const take = (event: WatchEvent): void => {
    events.push(event)
    onEvent()
  }
  const ended = client.watch({ method: 'GET', path, query }, take, leaving.signal).catch(() => {})
  return async (count: number): Promise<WatchEvent[]> => {
    while (events.length < count) {
      await new Promise<void>((resolve) => {
        onEvent = resolve
      })
    }
    leaving.abort()
    await ended
    return mergedEvents(events)
  }
}

/** Changes of one object in a row are one: how many there are is the walk's own business. */
function mergedEvents(events: readonly WatchEvent[]): WatchEvent[] {
  return events.filter(({ type }, index) => type !== 'MODIFIED' || events[index - 1]?.type !== 'MODIFIED')
}

function namesOf({ items = [] }: Pick<Answer, 'items'>): string {
  return items.map(({ metadata }) => metadata.name).join(' ')
}

function sameVersion(one: Answer, other: Answer): string {
  return one.metadata.resourceVersion === other.metadata.resourceVersion ? 'same version' : 'another version'
}
