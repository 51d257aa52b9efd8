// The way to the store: one multiplexed connection (a cluster: one per node), kept up by ioredis, which also follows Sentinel's word
// on who is primary and a cluster's redirects.
//
// In: scripts with their keys and arguments. Out: replies, or an Error at once while there is no connection. It never queues for a
// connection that is not there, and never sends again what was sent and not answered: whether that took effect is for those to say who
// can make it harmless (lease-ledger.ts). A reply of READONLY means that the primary has become a replica: the connection is dropped,
// so that the next one asks who is primary.
//
// Whether the store serves is asked here and not by ioredis, whose ready check writes to stderr where the user may not run INFO. Behind
// sentinels its check stays: a replica that a sentinel calls primary makes it ask the next sentinel.
//
// ioredis is loaded with the first store, so a sidecar without one does not carry it. Rejected: its automatic resending and offline
// queue (they act after the caller has decided otherwise), a timer per command (the deadlines are ours), and its failover detector
// (a failover that it sees while it connects ends the client for good; whoever is no primary any more says READONLY).
import type { SecureContextOptions } from 'node:tls'
import type { Cluster, CommonRedisOptions, Redis } from 'ioredis'
import { explainDenied } from './denial-words.ts'
import type { Script } from './script.ts'
import type { StoreAddress, StoreCredentials } from './store-address.ts'
import { evictionPolicyOf, isLoading } from './store-info.ts'
import { readTlsFiles } from './tls-files.ts'

export interface StoreConnection {
  isReady(): boolean
  /** `keys` without the address's prefix. Rejects at once when there is no connection, and when the one that it went out on is lost. */
  run(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>
  /** By which the store may forget counts; undefined where it forgets none, or does not tell. Of a cluster, that of any primary. */
  evictionPolicy(): Promise<string | undefined>
  close(): void
}

export interface ConnectionEvents {
  onReady(): void
  /** The reason in words, free of credentials. */
  onLost(why: string): void
}

const CONNECT_TIMEOUT_MS = 1000
/** ioredis lets it pass when it closes a connection that is gone already, too. */
const DISCONNECT_TIMEOUT_MS = 100
/** A connection on which nothing comes for so long while replies are due is taken for dead. */
const SILENCE_MAX_MS = 1000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 2000
const CLUSTER_REFRESH_MS = 5000
/** All of them were asked in vain, and will be again: ioredis has no code for it, and no other event. */
const SENTINELS_FAILED = /^All sentinels are unreachable\. Retrying from scratch after [\d.]+ms\./

/** Returns before the connection is up. Throws when a PEM file cannot be read, or is none. */
export async function openConnection(
  address: StoreAddress,
  events: ConnectionEvents,
  random: () => number,
): Promise<StoreConnection> {
  const options = await connectionOptions(address, random)
  const client = await createClient(address, options, random)
  hearEveryError(client)
  const unreachable = 'it cannot be reached'
  let why = unreachable
  let isServing = false
  client.on('error', (error: ClientError) => {
    why = reasonOf(error)
    // Any other is a connection's, and its end is told of with 'close'. Here none was made.
    if (SENTINELS_FAILED.test(error.message)) events.onLost(why)
  })
  client.on('ready', async () => {
    const refusal = await refusalOf(client)
    if (client.status !== 'ready') return
    why = refusal ?? unreachable
    isServing = refusal === undefined
    if (isServing) events.onReady()
    else client.disconnect()
  })
  client.on('close', () => {
    isServing = false
    events.onLost(why)
  })
  const ending = reconnectAtEnd(client, random)
  return {
    isReady: () => isServing && client.status === 'ready',
    run: (script, keys, values) => {
      const prefixed = keys.map((key) => address.keyPrefix + key)
      return runScript(client, script, prefixed, values)
    },
    evictionPolicy: () => readEvictionPolicy(client),
    close() {
      ending.abort()
      client.disconnect()
    },
  }
}

/** Of a cluster: what the node said that was asked last. */
type ClientError = Error & { lastNodeError?: Error | null }

function reasonOf({ lastNodeError, message }: ClientError): string {
  // Without the delay, which differs each time, a reason that stays is told once.
  const text = (lastNodeError?.message ?? message).replace(SENTINELS_FAILED, 'no sentinel says who is primary.')
  return explainDenied(text, '')
}

/** Why a store that has let us in does not serve us: it wants a password, or is not there yet. Undefined: nothing is known against it. */
async function refusalOf(client: Redis | Cluster): Promise<string | undefined> {
  // A cluster is ready when its nodes say that it is.
  if ('nodes' in client) return undefined
  try {
    return isLoading(await client.info('persistence')) ? 'it is loading its data' : undefined
  } catch (error) {
    // Nothing but an answer is one: a connection that is lost meanwhile is told of by itself.
    const isAnswer = error instanceof Error && error.name === 'ReplyError'
    return isAnswer && !error.message.startsWith('NOPERM') ? error.message : undefined
  }
}

async function readEvictionPolicy(client: Redis | Cluster): Promise<string | undefined> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client]
  const told = await Promise.all(nodes.map((node) => node.info('memory').then(evictionPolicyOf, () => undefined)))
  return told.find((policy) => policy !== undefined)
}

/**
 * A refusal after the handshake, as TLS 1.3 refuses a client's certificate, is an error of a socket that stays open. ioredis hears one of
 * each socket; the next, such as that of its silence, would end the process.
 */
function hearEveryError(client: Redis | Cluster): void {
  if ('nodes' in client) {
    for (const node of client.nodes()) hearEveryError(node)
    client.on('+node', hearEveryError)
  } else client.on('connect', () => client.stream.on('error', () => {}))
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
type ConnectionOptions = Omit<CommonRedisOptions, 'replyMapping'> & {
  disconnectTimeout: number
  tls?: SecureContextOptions
}

async function connectionOptions(address: StoreAddress, random: () => number): Promise<ConnectionOptions> {
  return {
    ...namedCredentials(address.credentials, 'username', 'password'),
    ...(address.tls && { tls: await readTlsFiles(address) }),
    enableReadyCheck: address.topology === 'Sentinel',
    protocol: 2,
    disableClientInfo: true,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
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
  script: Script,
  keys: readonly string[],
  values: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await runByName(client, script, keys, values)
  } catch (error) {
    throw error instanceof Error ? withReason(error, script) : error
  }
}

async function runByName(
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
    return await client.eval(lua, keys.length, ...keys, ...values)
  }
}

function withReason(error: Error, script: Script): Error {
  const message = explainDenied(error.message, script.lua)
  return message === error.message ? error : new Error(message, { cause: error })
}
