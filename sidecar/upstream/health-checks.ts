// Active health checks: a GET now and then to each provider that declares one, by the same connections as its requests.
//
// In: the adopted providers. Out: Healthy or Unhealthy to whoever keeps their standing, once so many checks in a row said so. A
// check asks one thing: does the provider answer? So 401, 402, 403 and 429 pass, since keys and pace are judged by real requests,
// and a key that was refused must not take its provider down. Waiting in vain for a connection because requests use all of them says
// nothing either way. It costs no tokens: what the answer says is read and dropped.
// The first check follows adoption within a second; then one per interval, each moved by up to a tenth, so that the sidecars of a
// cluster do not ask at the same moment. A provider that is adopted again with the same base URL and check goes on as it was; of one
// that is no longer checked nothing is known.
import type { HealthCheckConfig, TimeoutsConfig } from '../../contract/sidecar-config.ts'
import type { Provider } from '../config/runtime.ts'
import type { Refusal } from '../errors.ts'
import { headerBlock } from '../providers/headers.ts'
import type { ProviderStanding } from '../standing/provider-standing.ts'
import type { Call, ResponseSink, WireRequest } from './call.ts'
import type { Upstream } from './upstream.ts'

const FIRST_WITHIN_MS = 1000
const JITTER = 0.1
/** More of a body is not read. Lists of models reach some hundred KiB, and a connection that is read to its end stays. */
const BODY_BYTES_MAX = 1024 * 1024
const HEADERS = ['user-agent', 'outrigger-health-check', 'accept', 'application/json']

/** Gives what takes it back. */
export type StartTimer = (run: () => void, delayMs: number) => () => void

export interface HealthCheckOptions {
  upstream: Pick<Upstream, 'send'>
  standingOf(provider: Provider): Pick<ProviderStanding, 'setHealth' | 'forgetHealth'>
  /** `name: value\r\n`, '' for a provider that wants no key, undefined while none can be used: then none is sent. */
  credentialLine(provider: Provider): string | undefined
  /** Monotonic milliseconds. */
  now(): number
  /** In [0, 1). */
  random(): number
  /** Timers that do not keep the process, unless given. */
  startTimer?: StartTimer
}

export class HealthChecks {
  readonly #options: HealthCheckOptions
  #byIdentity = new Map<string, HealthCheck>()

  constructor(options: HealthCheckOptions) {
    this.#options = options
  }

  /** After the upstream and the standings have adopted them. */
  adopt(providers: readonly Provider[]): void {
    const before = this.#byIdentity
    this.#byIdentity = new Map()
    for (const provider of providers) {
      const { healthCheck } = provider.config
      if (healthCheck === undefined) continue
      const identity = identityOf(provider)
      this.#byIdentity.set(identity, before.get(identity)?.goOnWith(provider) ?? this.#started(provider, healthCheck))
    }
    for (const [identity, check] of before) if (!this.#byIdentity.has(identity)) check.close()
    this.#forgetUnchecked([...before.values()])
  }

  close(): void {
    for (const check of this.#byIdentity.values()) check.close()
    this.#byIdentity.clear()
  }

  /** Those that are no longer checked at all. Where only the check is another, the result of the last one stands until it has its own. */
  #forgetUnchecked(before: readonly HealthCheck[]): void {
    const standingOf = ({ provider }: HealthCheck) => this.#options.standingOf(provider)
    const checked = new Set([...this.#byIdentity.values()].map(standingOf))
    for (const standing of before.map(standingOf)) if (!checked.has(standing)) standing.forgetHealth()
  }

  #started(provider: Provider, config: HealthCheckConfig): HealthCheck {
    const check = new HealthCheck(provider, config, this.#options)
    check.start()
    return check
  }
}

function identityOf({ id, config }: Provider): string {
  return JSON.stringify([id, config.baseURL, config.healthCheck])
}

class HealthCheck {
  readonly #config: HealthCheckConfig
  readonly #options: HealthCheckOptions
  #provider: Provider
  #call: Call | undefined
  #cancelTimer: (() => void) | undefined
  #passedInRow = 0
  #failedInRow = 0

  constructor(provider: Provider, config: HealthCheckConfig, options: HealthCheckOptions) {
    this.#provider = provider
    this.#config = config
    this.#options = options
  }

  start(): void {
    this.#schedule(this.#options.random() * Math.min(FIRST_WITHIN_MS, this.#config.intervalMs))
  }

  get provider(): Provider {
    return this.#provider
  }

  /** The same provider, of a newer configuration. */
  goOnWith(provider: Provider): this {
    this.#provider = provider
    return this
  }

  close(): void {
    this.#cancelTimer?.()
    this.#call?.abort()
    this.#call = undefined
  }

  #schedule(delayMs: number): void {
    const { startTimer = startTimerUnref } = this.#options
    this.#cancelTimer = startTimer(() => this.#check(), delayMs)
  }

  #check(): void {
    const { upstream, random } = this.#options
    this.#schedule(this.#config.intervalMs * (1 - JITTER + 2 * JITTER * random()))
    // The last one is still under way, and has its own limit of time.
    if (this.#call !== undefined) return
    const sink = new CheckSink((outcome) => {
      this.#call = undefined
      this.#note(outcome)
    })
    sink.call = upstream.send(this.#provider, this.#request(), timeoutsOf(this.#provider, this.#config), sink)
    if (!sink.ended) this.#call = sink.call
  }

  #request(): WireRequest {
    const { base, row, config, headers } = this.#provider
    const [endpoint = '', query = ''] = this.#config.path.split(/\?(.*)/s)
    const target = row.target({
      basePath: base.path,
      apiVersion: config.apiVersion,
      endpoint,
      query,
      model: undefined,
    })
    const credential = this.#options.credentialLine(this.#provider) ?? ''
    const lines = `host: ${base.authority}\r\n${headerBlock(HEADERS, headers)}${credential}`
    return { method: 'GET', head: `GET ${target} HTTP/1.1\r\n${lines}\r\n`, body: [] }
  }

  #note(outcome: number | Refusal): void {
    const passed = isPass(outcome)
    if (passed === undefined) return
    this.#passedInRow = passed ? this.#passedInRow + 1 : 0
    this.#failedInRow = passed ? 0 : this.#failedInRow + 1
    const { healthyThreshold, unhealthyThreshold } = this.#config
    const { standingOf, now } = this.#options
    if (passed && this.#passedInRow >= healthyThreshold) {
      standingOf(this.#provider).setHealth('Healthy', `a check passed with ${outcome}`, now())
    } else if (!passed && this.#failedInRow >= unhealthyThreshold) {
      const checks =
        this.#failedInRow === 1 ? 'a check failed' : `${this.#failedInRow} checks failed in a row, the last`
      const why = `${checks} with ${wordFor(outcome)}`
      standingOf(this.#provider).setHealth('Unhealthy', why, now())
    }
  }
}

/** Tells how it ended, once: a status, or why there was no whole answer. */
class CheckSink implements ResponseSink {
  call: Call | undefined
  ended = false
  readonly #onOutcome: (outcome: number | Refusal) => void
  #status = 0
  #bodyBytes = 0

  constructor(onOutcome: (outcome: number | Refusal) => void) {
    this.#onOutcome = onOutcome
  }

  onHead(status: number): void {
    this.#status = status
  }

  onBody(chunk: Buffer): void {
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes <= BODY_BYTES_MAX) return
    this.call?.abort()
    this.onEnd()
  }

  onEnd(): void {
    this.#end(this.#status)
  }

  onError(refusal: Refusal): void {
    this.#end(refusal)
  }

  #end(outcome: number | Refusal): void {
    if (this.ended) return
    this.ended = true
    this.#onOutcome(outcome)
  }
}

/** Undefined: nothing was learned. */
function isPass(outcome: number | Refusal): boolean | undefined {
  // What is no fault of the provider's: all connections are in use.
  if (typeof outcome !== 'number') return outcome.failure.fault === 'provider' ? false : undefined
  return outcome < 400 || outcome === 401 || outcome === 402 || outcome === 403 || outcome === 429
}

function wordFor(outcome: number | Refusal): string {
  return typeof outcome === 'number' ? `status ${outcome}` : `no whole answer (${outcome.code})`
}

/** To get a connection takes less than all, so that it can be told from an answer that does not come. */
function timeoutsOf({ config }: Provider, { timeoutMs }: HealthCheckConfig): TimeoutsConfig {
  const connectMs = Math.min(config.timeouts.connectMs, 0.9 * timeoutMs)
  return { connectMs, firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs }
}

const startTimerUnref: StartTimer = (run, delayMs) => {
  const timer = setTimeout(run, delayMs).unref()
  return () => clearTimeout(timer)
}
