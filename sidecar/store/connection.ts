// The way to the store: one multiplexed connection (a cluster: one per node), kept up by ioredis, which also follows Sentinel's word
// on who is primary and a cluster's redirects.
//
// In: scripts with their keys and arguments. Out: replies, or an Error at once while there is no connection. It never queues for a
// connection that is not there, and never sends again what was sent and not answered: whether that took effect is for those to say who
// can make it harmless (lease-ledger.ts). A reply of READONLY means that the primary has become a replica: the connection is dropped,
// so that the next one asks who is primary.
//
// ioredis is loaded with the first store, so a sidecar without one does not carry it. Rejected: its automatic resending and offline
// queue (they act after the caller has decided otherwise), a timer per command (the deadlines are ours), and its failover detector
// (a failover that it sees while it connects ends the client for good; whoever is no primary any more says READONLY).
import { readFile } from 'node:fs/promises'
import type { SecureContextOptions } from 'node:tls'
import type { Cluster, CommonRedisOptions, Redis } from 'ioredis'
import type { Script } from './script.ts'
import { describeStore, type StoreAddress, type StoreCredentials } from './store-address.ts'

export interface StoreConnection {
  isReady(): boolean
  /** Rejects at once when there is no connection, and when the one that it went out on is lost. */
  run(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>
  close(): void
}

export interface ConnectionEvents {
  onReady(): void
  /** The reason in words, free of credentials. */
  onLost(why: string): void
}

const CONNECT_TIMEOUT_MS = 1000
/** A connection on which nothing comes for so long while replies are due is taken for dead. */
const SILENCE_MAX_MS = 1000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 2000
const CLUSTER_REFRESH_MS = 5000

/** Returns before the connection is up. Throws when a PEM file cannot be read. */
export async function openConnection(
  address: StoreAddress,
  events: ConnectionEvents,
  random: () => number,
): Promise<StoreConnection> {
  const options = await connectionOptions(address, random)
  const client = await createClient(address, options, random)
  const unreachable = `${describeStore(address)} cannot be reached`
  let why = unreachable
  client.on('error', (error: Error) => {
    why = error.message
  })
  client.on('ready', () => {
    why = unreachable
    events.onReady()
  })
  client.on('close', () => events.onLost(why))
  const ending = reconnectAtEnd(client, random)
  return {
    isReady: () => client.status === 'ready',
    run: (script, keys, values) => runScript(client, script, keys, values),
    close() {
      ending.abort()
      client.disconnect()
    },
  }
}

/** A client that lost its connection while it was making one can give up for good. Until it is aborted, it may not. */
function reconnectAtEnd(client: Redis | Cluster, random: () => number): AbortController {
  const ending = new AbortController()
  client.on('end', () => {
    if (ending.signal.aborted) return
    const timer = setTimeout(() => client.connect().catch(() => {}), RECONNECT_MAX_MS * (0.5 + random()))
    ending.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  return ending
}

async function createClient(
  address: StoreAddress,
  options: ConnectionOptions,
  random: () => number,
): Promise<Redis | Cluster> {
  const ioredis = await import('ioredis')
  const { hosts, primary, sentinelCredentials, tls } = address
  const reconnectDelay = jitteredDelay(random)
  switch (address.topology) {
    case 'Standalone':
      return new ioredis.Redis({ ...options, ...hosts[0], db: address.database })
    case 'Sentinel':
      return new ioredis.Redis({
        ...options,
        sentinels: [...hosts],
        name: primary,
        db: address.database,
        sentinelRetryStrategy: reconnectDelay,
        sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
        enableTLSForSentinelMode: tls,
        ...(options.tls && { sentinelTLS: options.tls }),
        ...namedCredentials(sentinelCredentials, 'sentinelUsername', 'sentinelPassword'),
      })
    case 'Cluster':
      return new ioredis.Cluster([...hosts], {
        redisOptions: options,
        clusterRetryStrategy: reconnectDelay,
        clusterNodeRetryStrategy: reconnectDelay,
        slotsRefreshInterval: CLUSTER_REFRESH_MS,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        retryDelayOnFailover: 0,
        enableOfflineQueue: false,
        ...(tls && { dnsLookup: (host, callback) => callback(null, host) }),
      })
  }
}

/** The mapping of replies chooses among overloads of the client's constructor. */
type ConnectionOptions = Omit<CommonRedisOptions, 'replyMapping'> & { tls?: SecureContextOptions }

async function connectionOptions(address: StoreAddress, random: () => number): Promise<ConnectionOptions> {
  return {
    ...namedCredentials(address.credentials, 'username', 'password'),
    ...(address.tls && { tls: await tlsOptions(address) }),
    protocol: 2,
    disableClientInfo: true,
    connectionName: 'outrigger',
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_MAX_MS,
    retryStrategy: jitteredDelay(random),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  }
}

async function tlsOptions({ caFile, certificateFile, keyFile }: StoreAddress): Promise<SecureContextOptions> {
  const [ca, cert, key] = await Promise.all([caFile, certificateFile, keyFile].map((file) => pemOf(file)))
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

async function pemOf(file: string): Promise<Buffer | undefined> {
  return file === '' ? undefined : readFile(file)
}

function namedCredentials(
  credentials: StoreCredentials | undefined,
  userName: string,
  passwordName: string,
): Record<string, string> {
  if (credentials === undefined) return {}
  const { user, password } = credentials
  return { ...(user !== '' && { [userName]: user }), [passwordName]: password.reveal() }
}

/** Doubles, with half of it by chance, so that the sidecars of a store that comes back do not come all at once. */
function jitteredDelay(random: () => number): (attempt: number) => number {
  return (attempt) => Math.min(RECONNECT_MIN_MS * 2 ** (attempt - 1), RECONNECT_MAX_MS) * (0.5 + random())
}

async function runScript(
  client: Redis | Cluster,
  { lua, sha1 }: Script,
  keys: readonly string[],
  values: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha1, keys.length, ...keys, ...values)
  } catch (error) {
    // Nothing was done: the store was started anew, or its scripts were flushed.
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return client.eval(lua, keys.length, ...keys, ...values)
  }
}
