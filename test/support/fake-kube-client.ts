// A KubeClient over objects in memory: reads, conditional writes, JSON patches and watches of objects by name, as an API server does
// them. Requests can be held up, failed, or failed after they were done.
import type { KubeClient, KubeRequest, WatchEvent } from '../../operator/kube/client.ts'

export interface FakeObject {
  type?: string
  metadata: { name: string; resourceVersion?: string; [field: string]: unknown }
  [field: string]: unknown
}

type Method = KubeRequest['method']

/** What comes between a request and its answer. */
export interface Disturbance {
  /** Before the request is done; what it throws is the answer. */
  before?(request: KubeRequest): Promise<void> | void
  /** After it was done. */
  after?(request: KubeRequest): Promise<void> | void
}

export function kubeError(status: number, reason: string): Error {
  return Object.assign(new Error(reason), { status, reason })
}

export class FakeKube {
  /** By path. */
  readonly objects = new Map<string, FakeObject>()
  /** `METHOD path` of all requests, in the order in which they were done. */
  readonly requests: string[] = []
  readonly #watches = new Set<{ path: string; tell(event: WatchEvent): void }>()
  #version = 1000

  /** A client of its own for each process. */
  client(disturbance: Disturbance = {}): KubeClient {
    return {
      request: async <Answer>(request: KubeRequest, signal?: AbortSignal) => {
        await disturbance.before?.(request)
        if (signal?.aborted) throw kubeError(0, 'Aborted')
        const answer = this.handle(request) as Answer
        await disturbance.after?.(request)
        return answer
      },
      watch: (request, onEvent, signal) => this.#watch(request, onEvent, signal),
      close: () => undefined,
    }
  }

  /** Does what a request says. The answer is a copy. */
  handle(request: KubeRequest): FakeObject {
    const { method, path } = request
    this.requests.push(`${method} ${path}`)
    return structuredClone(HANDLERS[method](this, request))
  }

  /** As somebody else would write it; undefined deletes it. */
  put(path: string, object: FakeObject | undefined): void {
    if (object === undefined) {
      const gone = this.get(path)
      this.objects.delete(path)
      this.#tell(path, 'DELETED', gone)
      return
    }
    this.store(path, object)
  }

  /** Throws what stands for 404. */
  get(path: string): FakeObject {
    const found = this.objects.get(path)
    if (found === undefined) throw kubeError(404, 'NotFound')
    return found
  }

  store(path: string, object: FakeObject): FakeObject {
    this.#version += 1
    const type = this.objects.has(path) ? 'MODIFIED' : 'ADDED'
    const stored = structuredClone({ ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } })
    this.objects.set(path, stored)
    this.#tell(path, type, stored)
    return stored
  }

  #tell(path: string, type: WatchEvent['type'], object: FakeObject): void {
    for (const watch of this.#watches) if (watch.path === path) watch.tell({ type, object: structuredClone(object) })
  }

  #watch({ path, query = {} }: KubeRequest, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    const name = /^metadata\.name=(.+)$/.exec(query.fieldSelector ?? '')?.[1]
    const whole = `${path}/${name}`
    const since = Number(query.resourceVersion ?? 0)
    return new Promise((resolve) => {
      const tell = (event: WatchEvent): void => queueMicrotask(() => signal.aborted || onEvent(event))
      const watch = { path: whole, tell }
      this.#watches.add(watch)
      signal.addEventListener('abort', () => {
        this.#watches.delete(watch)
        resolve()
      })
      const present = this.objects.get(whole)
      if (present && Number(present.metadata.resourceVersion) > since) tell({ type: 'MODIFIED', object: present })
    })
  }
}

const HANDLERS: Record<Method, (kube: FakeKube, request: KubeRequest) => FakeObject> = {
  GET: (kube, { path }) => kube.get(path),
  POST(kube, { path, body }) {
    const object = body as FakeObject
    const whole = `${path}/${object.metadata.name}`
    if (kube.objects.has(whole)) throw kubeError(409, 'AlreadyExists')
    return kube.store(whole, admitted(object))
  },
  PUT(kube, { path, body }) {
    const object = body as FakeObject
    const found = kube.get(path)
    if (object.metadata.resourceVersion !== found.metadata.resourceVersion) throw kubeError(409, 'Conflict')
    if (object.type !== found.type) throw kubeError(422, 'Invalid')
    return kube.store(path, admitted(object))
  },
  PATCH(kube, { path, body, contentType }) {
    if (contentType !== 'application/json-patch+json') throw kubeError(415, 'UnsupportedMediaType')
    const object = structuredClone(kube.get(path))
    for (const operation of body as Operation[]) applyOperation(object, operation)
    return kube.store(path, object)
  },
  DELETE(kube, { path }) {
    const found = kube.get(path)
    kube.put(path, undefined)
    return found
  },
}

function admitted(object: FakeObject): FakeObject {
  const data = (object.data ?? {}) as Record<string, unknown>
  const complete = data['tls.crt'] !== undefined && data['tls.key'] !== undefined
  if (object.type === 'kubernetes.io/tls' && !complete) throw kubeError(422, 'Invalid')
  return object
}

interface Operation {
  op: string
  path: string
  value: unknown
}

/** `test`, and `add` to objects. */
function applyOperation(object: FakeObject, { op, path, value }: Operation): void {
  const parts = path.split('/').slice(1)
  const last = parts.pop() as string
  const parent = parts.reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], object)
  if (typeof parent !== 'object' || parent === null) throw kubeError(422, 'Invalid')
  const fields = parent as Record<string, unknown>
  if (op === 'add') fields[last] = value
  else if (op !== 'test' || JSON.stringify(fields[last]) !== JSON.stringify(value)) throw kubeError(422, 'Invalid')
}
