// The way to the providers: our own HTTP/1.1 client on node:net and node:tls, because the client decides what a request
// costs (prototypes with the same server in front: 27 CPU-µs with a client of this shape, 39–48 with undici, 51 with http.Agent).
//
// In: ready bytes and a sink per attempt. Out: the answer as it comes, or one Refusal. It owns a pool per provider and the
// one timer of the hot path: limits are deadlines that a sweep compares, since a timer per request costs more than
// routing it. It never decides whether a request may be sent again, except on a kept-alive connection that turned out to
// be dead before a byte came.
import { hash, X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import type { SecretValue } from '../../contract/secret.ts'
import type { EgressProxyConfig, TimeoutsConfig, TlsConfig } from '../../contract/sidecar-config.ts'
import type { Provider } from '../config/runtime.ts'
import { Call, type ResponseSink, type WireRequest } from './call.ts'
import type { ConnectTarget, ProxyTarget } from './connect.ts'
import { Pool } from './pool.ts'

/** The precision of every time limit. */
const SWEEP_MS = 50

type Files = ReadonlyMap<string, SecretValue>

export interface ProviderConnections {
  provider: string
  open: number
  idle: number
  waiting: number
}

export class Upstream {
  readonly #now: () => number
  /** Weak, since requests that began with an older runtime may still need its providers' pools. */
  readonly #pools = new WeakMap<Provider, Pool>()
  #providers: readonly Provider[] = []
  #byIdentity = new Map<string, Pool>()
  /** Every pool that may have a call or a connection, retired ones included. */
  readonly #live = new Set<Pool>()
  #timer: NodeJS.Timeout | undefined

  /** `now` is the monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Starts sending; `sink` hears of everything else. */
  send(provider: Provider, request: WireRequest, timeouts: TimeoutsConfig, sink: ResponseSink): Call {
    const pool = this.#poolOf(provider)
    const call = new Call(request, sink, timeouts, pool)
    this.#live.add(pool)
    this.#timer ??= setInterval(() => setImmediate(this.#sweep), SWEEP_MS).unref()
    pool.send(call)
    return call
  }

  /**
   * Makes ready for these providers. Connections live on where nothing about reaching a provider changed. Throws, having
   * changed nothing, when TLS material cannot be used.
   */
  adopt(providers: readonly Provider[], files: Files): void {
    const byIdentity = new Map<string, Pool>()
    const poolOf = providers.map((provider) => {
      const identity = identityOf(provider, files)
      const pool = byIdentity.get(identity) ?? this.#byIdentity.get(identity) ?? createPool(provider, files, this.#now)
      byIdentity.set(identity, pool)
      return pool
    })
    for (const [identity, pool] of this.#byIdentity) if (!byIdentity.has(identity)) pool.retire()
    for (const [i, provider] of providers.entries()) this.#pools.set(provider, poolOf[i] as Pool)
    this.#byIdentity = byIdentity
    this.#providers = providers
  }

  /** How to reach the provider, for connections that are not the pools' own. */
  targetOf(provider: Provider): ConnectTarget {
    return this.#poolOf(provider).target
  }

  connections(): ProviderConnections[] {
    return this.#providers.flatMap((provider) => {
      const counts = this.#pools.get(provider)?.counts
      return counts === undefined ? [] : [{ provider: provider.id, ...counts }]
    })
  }

  /** Closes what is idle; the rest closes as its calls end. */
  close(): void {
    for (const pool of this.#live) pool.retire()
  }

  #poolOf(provider: Provider): Pool {
    const pool = this.#pools.get(provider)
    if (pool === undefined) throw new Error(`provider ${provider.id} was never adopted`)
    return pool
  }

  /**
   * Runs only while there is something to watch, and behind the reads that are due: where this process was held up (a CPU
   * limit, a long collection), what the provider has sent meanwhile must count before its silence does.
   */
  readonly #sweep = (): void => {
    for (const pool of this.#live) {
      pool.sweep()
      if (!pool.busy) this.#live.delete(pool)
    }
    if (this.#live.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function createPool(provider: Provider, files: Files, now: () => number): Pool {
  const { connections, timeouts } = provider.config
  return new Pool({
    target: connectTarget(provider, files),
    connectionsMax: connections.max,
    idleMs: connections.idleMs,
    connectMs: timeouts.connectMs,
    now,
  })
}

function connectTarget({ base, config }: Provider, files: Files): ConnectTarget {
  const secure = base.protocol === 'https:'
  return {
    secure,
    host: base.host,
    port: base.port,
    serverName: config.tls.serverName ?? base.host,
    secureContext: secure ? createSecureContext(config.tls, files) : undefined,
    proxy: config.egressProxy && proxyOf(config.egressProxy, files),
  }
}

/** Undefined where the built-in defaults do: then all pools share Node's own context. */
function createSecureContext({ caBundle, clientCertificate }: TlsConfig, files: Files): tls.SecureContext | undefined {
  if (caBundle === undefined && clientCertificate === undefined) return undefined
  const options: tls.SecureContextOptions = {}
  if (caBundle !== undefined) {
    // Throws for what is no certificate, which createSecureContext would pass over.
    new X509Certificate(caBundle)
    options.ca = [...tls.rootCertificates, caBundle]
  }
  if (clientCertificate !== undefined) {
    options.cert = read(files, clientCertificate.certificateFile)
    options.key = read(files, clientCertificate.keyFile)
  }
  return tls.createSecureContext(options)
}

function proxyOf({ url, credentialsFile }: EgressProxyConfig, files: Files): ProxyTarget {
  const { hostname, port } = new URL(url)
  const userAndPassword = credentialsFile === undefined ? undefined : read(files, credentialsFile).trim()
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 80),
    authorization: userAndPassword && `Basic ${Buffer.from(userAndPassword).toString('base64')}`,
  }
}

function read(files: Files, file: string): string {
  const value = files.get(file)
  if (value === undefined) throw new Error(`file ${file} is missing`)
  return value.reveal()
}

/**
 * Equal for two providers exactly when they can share connections: what is in the files counts, and not their names, which
 * change with every version of a Secret. Hashed, because it covers private keys.
 */
function identityOf({ base, config }: Provider, files: Files): string {
  const { egressProxy, connections, timeouts } = config
  const { clientCertificate, ...tlsConfig } = config.tls
  const paths = [clientCertificate?.certificateFile, clientCertificate?.keyFile, egressProxy?.credentialsFile]
  const contents = paths.map((path) => path && read(files, path))
  const { protocol, host, port } = base
  return hash(
    'sha256',
    JSON.stringify([
      config.id,
      protocol,
      host,
      port,
      tlsConfig,
      egressProxy?.url,
      connections,
      timeouts.connectMs,
      contents,
    ]),
  )
}
