// An Upstream over real sockets whose clock the test sets: a limit has passed when the test says so, not when it was waited for.
import type { SecretValue } from '../../../contract/secret.ts'
import type { ProviderConfig, TimeoutsConfig } from '../../../contract/sidecar-config.ts'
import { createRuntime, type Provider } from '../../../sidecar/config/runtime.ts'
import type { Refusal } from '../../../sidecar/errors.ts'
import type { Call, ResponseSink } from '../../../sidecar/upstream/call.ts'
import { type ProviderConnections, Upstream } from '../../../sidecar/upstream/upstream.ts'
import { until } from '../../support/client.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'
import { type FakeProvider, OK } from './fake-provider.ts'

export const LIMITS: TimeoutsConfig = { connectMs: 1000, firstByteMs: 10_000, idleMs: 5000, totalMs: 60_000 }

export type Counts = Omit<ProviderConnections, 'provider'>

export const NOTHING: Counts = { open: 0, idle: 0, waiting: 0 }

export interface SendOptions {
  method?: string
  body?: readonly Buffer[]
  timeouts?: Partial<TimeoutsConfig>
}

export class TestUpstream {
  readonly upstream: Upstream
  provider: Provider
  #nowMs = 0

  constructor(
    baseURL: string,
    config: Partial<ProviderConfig> = {},
    files: Readonly<Record<string, SecretValue>> = {},
  ) {
    this.upstream = new Upstream(() => this.#nowMs)
    this.provider = this.adopt(baseURL, config, files)
  }

  /** A new document with this one provider. Throws when it cannot be adopted. */
  adopt(
    baseURL: string,
    config: Partial<ProviderConfig> = {},
    files: Readonly<Record<string, SecretValue>> = {},
  ): Provider {
    const adopted = providerAt(baseURL, config)
    this.upstream.adopt([adopted], new Map(Object.entries(files)))
    this.provider = adopted
    return adopted
  }

  /** Lets so much time pass; what has run out ends at the next sweep. */
  pass(ms: number): void {
    this.#nowMs += ms
  }

  send(path: string, { method = 'POST', body = [], timeouts }: SendOptions = {}): Answer {
    const bytes = body.reduce((sum, { length }) => sum + length, 0)
    const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`
    const answer = new Answer()
    answer.call = this.upstream.send(this.provider, { method, head, body }, { ...LIMITS, ...timeouts }, answer)
    return answer
  }

  get counts(): Counts {
    const { open = 0, idle = 0, waiting = 0 } = this.upstream.connections()[0] ?? {}
    return { open, idle, waiting }
  }

  reaches(expected: Counts): Promise<Counts> {
    return until(
      () => this.counts,
      (seen) => JSON.stringify(seen) === JSON.stringify(expected),
    )
  }
}

/** Asks, and lets whichever connection it comes on answer `OK`: `200 ok`, unless something went wrong. */
export async function askedOn(one: TestUpstream, fake: FakeProvider, path: string): Promise<string> {
  const sent = one.send(path)
  const serving = await until(
    () => fake.connections.find(({ unread }) => unread.includes(` ${path} `)),
    (found) => found !== undefined,
  )
  await serving?.request()
  serving?.write(OK)
  return sent.outcome
}

/** Whatever a test did: once its upstream is closed, no connection, no call and no socket is left of it. */
export async function closeAll(one: TestUpstream, fake: FakeProvider): Promise<void> {
  one.upstream.close()
  try {
    await one.reaches(NOTHING)
    await until(
      () => fake.open,
      (open) => open === 0,
    )
  } finally {
    await fake.close()
  }
}

export function providerAt(baseURL: string, config: Partial<ProviderConfig> = {}): Provider {
  const configured = provider('shop/fake', 'OpenAI', [], { baseURL, timeouts: LIMITS, ...config })
  return createRuntime(sidecarConfig({ providers: [configured] }), {}).providers[0] as Provider
}

/** What a caller sees of one call. */
export class Answer implements ResponseSink {
  call: Call | undefined
  status = 0
  rawHeaders: string[] = []
  bodyBytes = 0
  body = ''
  readonly #ended = Promise.withResolvers<string>()
  readonly #begun = Promise.withResolvers<void>()
  /** How often it ended: never more than once. */
  ends = 0
  /** Called with every piece of the body. */
  onPiece: (() => void) | undefined
  /** Off for bodies that are only counted. */
  keep = true
  refusal: Refusal | undefined

  /** `200 ok`, or the code of the refusal. */
  get outcome(): Promise<string> {
    return this.#ended.promise
  }

  /** Resolves with the first bytes of the body. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  onHead(status: number, rawHeaders: string[]): void {
    this.status = status
    this.rawHeaders = rawHeaders
  }

  onBody(chunk: Buffer): void {
    this.bodyBytes += chunk.length
    if (this.keep) this.body += chunk.toString('latin1')
    this.#begun.resolve()
    this.onPiece?.()
  }

  onEnd(): void {
    this.ends++
    this.#ended.resolve(`${this.status} ${this.body}`)
  }

  onError(refusal: Refusal): void {
    this.ends++
    this.refusal = refusal
    this.#ended.resolve(refusal.code)
  }
}
