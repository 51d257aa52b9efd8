// Where the API server is, who we are to it, and the sockets to it.
//
// In: a kubeconfig, or the files that every pod gets. Out: for each request the address, the headers and the agent. The
// library reads kubeconfigs and asks exec plugins for credentials; its own transport is not used: it makes an undici
// dispatcher for every call, so every call opens a TLS connection, and its cached agents neither keep sockets alive nor
// notice a CA that was replaced. So the agent is ours, one for all requests, and a new one as soon as CA or client
// certificate differ from those it was made with: they are read again for every request (the library reads a service
// account's token file again after a minute, as client-go does).
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'

export interface Endpoint {
  /** May have a path, below which the API lies. */
  server: URL
  agent: http.Agent
  /** Authorization and impersonation. */
  headers: http.OutgoingHttpHeaders
  /** `user:password`, where a kubeconfig has them. */
  auth: string | undefined
}

export interface Connection {
  /** Rejects with an Error when credentials cannot be had: a file that is gone, an exec plugin that fails. */
  endpoint(): Promise<Endpoint>
  /** The server did not accept the credentials: they are asked for anew, at most every ten seconds. */
  forgetCredentials(): void
  /** Closes idle sockets; those in use close when they are done. */
  close(): void
}

const IDLE_SOCKET_MS = 60_000
const KEEP_ALIVE_PROBE_MS = 30_000
const FORGET_EVERY_MS = 10_000

/**
 * `kubeconfig`: a path, or several as in $KUBECONFIG; empty for a pod's service account. Throws an Error for people when it
 * cannot be read.
 */
export function createConnection(kubeconfig: string): Connection {
  let config = loadConfig(kubeconfig)
  // Said at the start, where somebody looks.
  serverOf(config, kubeconfig)
  let forgottenAt = Number.NEGATIVE_INFINITY
  let stale = false
  let current: { agent: http.Agent; material: string } | undefined
  let asked: Promise<Endpoint> | undefined

  const ask = async (): Promise<Endpoint> => {
    if (stale) {
      config = loadConfig(kubeconfig)
      stale = false
    }
    const server = serverOf(config, kubeconfig)
    const options: https.RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const material = materialOf(options)
    if (current?.material !== material) {
      if (current !== undefined) retire(current.agent)
      current = { agent: agentFor(server, config, options), material }
    }
    return { server, agent: current.agent, headers: headersOf(options), auth: options.auth ?? undefined }
  }

  return {
    endpoint() {
      // Together, because each call of an exec plugin starts a process.
      asked ??= ask().finally(() => {
        asked = undefined
      })
      return asked
    },
    forgetCredentials() {
      if (performance.now() - forgottenAt < FORGET_EVERY_MS) return
      forgottenAt = performance.now()
      stale = true
    },
    close() {
      if (current !== undefined) retire(current.agent)
    },
  }
}

function loadConfig(kubeconfig: string): KubeConfig {
  const [first, ...others] = kubeconfig.split(path.delimiter).filter((file) => file !== '')
  if (first === undefined) {
    const config = new KubeConfig()
    config.loadFromCluster()
    return config
  }
  const config = loadFile(first)
  for (const other of others) config.mergeConfig(loadFile(other))
  return config
}

function loadFile(file: string): KubeConfig {
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
  } catch (error) {
    throw new Error(`kubeconfig ${file}: ${(error as Error).message}`, { cause: error })
  }
  return config
}

function serverOf(config: KubeConfig, kubeconfig: string): URL {
  const cluster = config.getCurrentCluster()
  const url = URL.parse(cluster?.server ?? '')
  if (url !== null) return url
  if (kubeconfig === '') throw new Error('not in a cluster, and no kubeconfig is given')
  const context = config.getCurrentContext()
  if (!context) throw new Error(`kubeconfig ${kubeconfig}: no current-context`)
  throw new Error(`kubeconfig ${kubeconfig}: context ${context} names no cluster with a server URL`)
}

/** All that a TLS connection is made with. */
function materialOf({ ca, cert, key, passphrase, servername, rejectUnauthorized }: https.RequestOptions): string {
  return [ca, cert, key, passphrase, servername, rejectUnauthorized].map(String).join('\0')
}

function agentFor(server: URL, config: KubeConfig, options: https.RequestOptions): http.Agent {
  // A proxy on the way to the API server is met on laptops only: the library's agent for it, a connection per request.
  if (config.getCurrentCluster()?.proxyUrl && options.agent instanceof http.Agent) return options.agent
  const sockets = {
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    // Concerns idle sockets: nobody listens for a request's own `timeout` event.
    timeout: IDLE_SOCKET_MS,
  }
  if (server.protocol === 'http:') return new http.Agent(sockets)
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options
  const material = { ca, cert, key, passphrase, servername, rejectUnauthorized }
  // An option that is there with the value undefined is not the same as none: it would replace a default.
  const given = Object.entries(material).filter(([, value]) => value !== undefined)
  return new https.Agent({ ...sockets, ...Object.fromEntries(given) })
}

/** Requests under way keep their sockets: a rotated certificate must not cut a watch. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

function headersOf({ headers = {} }: https.RequestOptions): http.OutgoingHttpHeaders {
  return Array.isArray(headers) ? {} : (headers as http.OutgoingHttpHeaders)
}
