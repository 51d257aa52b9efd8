// A KubeClient that is the fake API server itself: no sockets, no JSON, and time is an argument. What the real client does
// about bytes is not covered here; that it reports the same errors, client.test.ts shows.
import { type KubeClient, KubeError, type KubeRequest, type WatchEvent } from '../../operator/kube/client.ts'
import { failureOfAnswer } from '../../operator/kube/failure.ts'
import type { SetTimer } from '../../operator/kube/timer.ts'
import type { FakeCore, Reply } from './fake-apiserver-core.ts'
import type { FakeRequest } from './fake-apiserver-request.ts'
import type { WireEvent } from './fake-apiserver-watch.ts'

export interface FakeClientOptions {
  core: FakeCore
  startTimer: SetTimer
  now: () => number
}

const TIMEOUT_MS = 10_000

export function createFakeClient(options: FakeClientOptions): KubeClient {
  const closing = new AbortController()
  const connections = new Set<Exchange>()
  options.core.onRefuse = () => {
    for (const exchange of [...connections]) exchange.reset()
  }

  const run = async (request: KubeRequest, signal: AbortSignal | undefined, onEvent: OnEvent): Promise<unknown> => {
    const signals = signal === undefined ? [closing.signal] : [closing.signal, signal]
    const exchange = new Exchange(options, { request, signals, onEvent })
    connections.add(exchange)
    return exchange.run().finally(() => connections.delete(exchange))
  }

  return {
    request: async <Answer>(request: KubeRequest, signal?: AbortSignal) =>
      (await run(request, signal, () => {})) as Answer,
    watch: async (request, onEvent, signal) => {
      await run({ ...request, query: { ...request.query, watch: 'true' } }, signal, onEvent)
    },
    close: () => closing.abort(),
  }
}

type OnEvent = (event: WatchEvent) => void

interface Asked {
  request: KubeRequest
  signals: readonly AbortSignal[]
  onEvent: OnEvent
}

/** One request and what comes back. */
class Exchange implements Reply {
  readonly #options: FakeClientOptions
  readonly #asked: Asked
  readonly #result = Promise.withResolvers<unknown>()
  #settled = false
  #leave = (): void => {}
  #cancelTimeout = (): void => {}
  readonly #onAbort = (): void => this.#fail('Aborted')

  constructor(options: FakeClientOptions, asked: Asked) {
    this.#options = options
    this.#asked = asked
  }

  run(): Promise<unknown> {
    const { request, signals } = this.#asked
    const { core, startTimer } = this.#options
    for (const signal of signals) signal.addEventListener('abort', this.#onAbort)
    this.#cancelTimeout = startTimer(() => this.#fail('Timeout'), request.timeoutMs ?? TIMEOUT_MS)
    this.#leave = core.serve(fakeRequestOf(request), this)
    // Answered at once: there was nothing to leave yet.
    if (this.#settled) this.#leave()
    if (signals.some(({ aborted }) => aborted)) this.#onAbort()
    return this.#result.promise
  }

  answer(status: number, headers: Record<string, string>, body: unknown): void {
    if (status < 300) return this.#settle(() => this.#result.resolve(body))
    const retryAfter = headers['retry-after']
    const why = failureOfAnswer({ status, retryAfter, body: JSON.stringify(body), now: this.#options.now() })
    this.#settle(() => this.#result.reject(new KubeError(`${status} ${why.reason}`, { ...why, status })))
  }

  begin(): void {
    this.#cancelTimeout()
  }

  event(event: WireEvent): void {
    if (this.#settled) return
    try {
      this.#asked.onEvent(event as WatchEvent)
    } catch (error) {
      this.#settle(() => this.#result.reject(error))
    }
  }

  end(): void {
    this.#settle(() => this.#result.resolve(undefined))
  }

  cut(): void {
    this.reset()
  }

  reset(): void {
    this.#fail('ConnectionFailed')
  }

  #fail(reason: string): void {
    const { method, path } = this.#asked.request
    this.#settle(() => this.#result.reject(new KubeError(`${method} ${path}: ${reason}`, { status: 0, reason })))
  }

  #settle(end: () => void): void {
    if (this.#settled) return
    this.#settled = true
    this.#cancelTimeout()
    for (const signal of this.#asked.signals) signal.removeEventListener('abort', this.#onAbort)
    this.#leave()
    end()
  }
}

function fakeRequestOf({ method, path, query = {}, body, contentType, accept }: KubeRequest): FakeRequest {
  return {
    method,
    path,
    query: new URLSearchParams(query),
    contentType: contentType ?? 'application/json',
    accept: accept ?? 'application/json',
    body,
  }
}
