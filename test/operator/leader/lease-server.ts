// An API server with one Lease, and the way to it: both can fail in every way that a network and a store can.
import type { KubeClient, KubeRequest, WatchEvent } from '../../../operator/kube/client.ts'
import type { Lease } from '../../../operator/leader/lease.ts'

/** What becomes of one request. */
export interface Passage {
  /** Until the server acts; undefined: it never gets the request. */
  thereMs: number | undefined
  /** From then until the client knows; undefined: it never gets the answer. */
  backMs: number | undefined
  /** The answer, whatever the server did. */
  instead?: number
}

/** Where requests are made: a process, which may stand still or be gone. */
export interface Place {
  passage(request: KubeRequest): Passage
  /** Runs it in this process, after `delayMs`. */
  here(delayMs: number, run: () => void): () => void
  /** Runs it in the world, whatever becomes of the process. */
  there(delayMs: number, run: () => void): void
}

const PATH = '/apis/coordination.k8s.io/v1/namespaces/outrigger-system/leases'

export class LeaseServer {
  lease: Lease | undefined
  readonly #watchers = new Set<(event: WatchEvent) => void>()
  #version = 100

  client(place: Place): KubeClient {
    return {
      request: <Answer>(request: KubeRequest, signal?: AbortSignal) =>
        this.#request(place, request, signal) as Promise<Answer>,
      watch: (request, onEvent, signal) => this.#watch(place, request, onEvent, signal),
      close: () => undefined,
    }
  }

  /** Does what a request says, at once. Throws as a client does. */
  handle({ method, path, body }: KubeRequest): Lease {
    const found = this.lease
    if (method === 'GET' && path === `${PATH}/outrigger-operator`) return found ?? fail(404, 'NotFound')
    const lease = accepted(body)
    if (method === 'POST' && path === PATH) {
      if (found !== undefined) fail(409, 'AlreadyExists')
      return this.#store(lease, 'ADDED')
    }
    if (method !== 'PUT' || path !== `${PATH}/outrigger-operator`) fail(405, 'MethodNotAllowed')
    if (found === undefined) fail(404, 'NotFound')
    if (lease.metadata.resourceVersion !== found.metadata.resourceVersion) fail(409, 'Conflict')
    return this.#store(lease, 'MODIFIED')
  }

  #store(lease: Lease, type: 'ADDED' | 'MODIFIED'): Lease {
    this.#version += 1
    this.lease = structuredClone({ ...lease, metadata: { ...lease.metadata, resourceVersion: `${this.#version}` } })
    for (const tell of this.#watchers) tell({ type, object: structuredClone(this.lease) })
    return this.lease
  }

  #request(place: Place, request: KubeRequest, signal: AbortSignal | undefined): Promise<Lease> {
    const { thereMs, backMs, instead } = place.passage(request)
    return new Promise((resolve, reject) => {
      const cancelTimeout = place.here(request.timeoutMs ?? 10_000, () => reject(error(0, 'Timeout')))
      signal?.addEventListener('abort', () => {
        cancelTimeout()
        reject(error(0, 'Aborted'))
      })
      if (thereMs === undefined) return
      place.there(thereMs, () => {
        const answer = this.#answer(request)
        if (backMs === undefined) return
        place.here(backMs, () => {
          cancelTimeout()
          if (instead !== undefined) reject(error(instead, 'Disturbed'))
          else if (answer instanceof Error) reject(answer)
          else resolve(answer)
        })
      })
    })
  }

  #answer(request: KubeRequest): Lease | Error {
    try {
      return structuredClone(this.handle(request))
    } catch (error) {
      return error as Error
    }
  }

  #watch(place: Place, request: KubeRequest, onEvent: (event: WatchEvent) => void, signal: AbortSignal) {
    return new Promise<void>((resolve, reject) => {
      const { thereMs, backMs = 0, instead } = place.passage(request)
      const tell = (event: WatchEvent): void => {
        if (!signal.aborted) place.here(backMs, () => onEvent(event))
      }
      const end = (): void => {
        this.#watchers.delete(tell)
        resolve()
      }
      signal.addEventListener('abort', end)
      if (thereMs === undefined || instead !== undefined) {
        place.here(0, () => reject(error(instead ?? 0, 'Disturbed')))
        return
      }
      place.there(thereMs, () => {
        if (!signal.aborted) this.#watchers.add(tell)
      })
    })
  }
}

const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/** What an API server would refuse of a Lease. */
function accepted(body: unknown): Lease {
  const lease = body as Lease
  const { leaseDurationSeconds = 0, acquireTime = '', renewTime = '' } = lease.spec ?? {}
  const times = MICRO_TIME.test(acquireTime) && MICRO_TIME.test(renewTime)
  if (!(leaseDurationSeconds > 0) || !Number.isInteger(leaseDurationSeconds) || !times) fail(422, 'Invalid')
  return lease
}

function error(status: number, reason: string): Error {
  return Object.assign(new Error(reason), { status, reason })
}

function fail(status: number, reason: string): never {
  throw error(status, reason)
}
