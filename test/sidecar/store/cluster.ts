// Clusters of real servers for tests: three primaries with a third of the slots each, and replicas of the first one of them.
import { freePort, type RedisServer } from './redis.ts'
import { eventually } from './sources.ts'

const SLOTS = 16_384
const PRIMARIES = 3
const SLOTS_OF_ONE = Math.ceil(SLOTS / PRIMARIES)
/** All of it is polled for; nodes tell each other about once a second. */
const READY_WITHIN_MS = 30_000

export interface RedisCluster {
  readonly primaries: readonly RedisServer[]
  /** Of the first primary; have what it has, and answer who reads them. */
  readonly replicas: readonly RedisServer[]
  readonly url: string
}

/** `nodeTimeoutMs`: a node that is silent for so long has failed. */
export interface ClusterShape {
  readonly replicas: number
  readonly nodeTimeoutMs: number
}

/** Ready when every node says so; `start` is to stop the servers later. */
export async function startCluster(
  start: (config: readonly string[]) => Promise<RedisServer>,
  { replicas: replicaCount, nodeTimeoutMs }: ClusterShape,
): Promise<RedisCluster> {
  const nodes: Node[] = []
  for (let i = 0; i < PRIMARIES + replicaCount; i++) nodes.push(await startNode(start, nodeTimeoutMs))
  const servers = nodes.map(({ server }) => server)
  const [primaries, replicas] = [servers.slice(0, PRIMARIES), servers.slice(PRIMARIES)]
  for (const [i, { client }] of primaries.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', i * SLOTS_OF_ONE, Math.min(SLOTS, (i + 1) * SLOTS_OF_ONE) - 1)
  }
  for (const { server, busPort } of nodes.slice(1)) {
    await primaries[0]?.client.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort)
  }
  await eventually(() => everyOne(servers, (server) => knowsAll(server, nodes.length)), READY_WITHIN_MS)
  for (const replica of replicas) await follow(replica, primaries)
  return { primaries, replicas, url: `redis+cluster://${primaries.map(({ port }) => `127.0.0.1:${port}`).join(',')}` }
}

/** Who has, at first, the count of a row of that id. */
export async function primaryOf({ primaries }: RedisCluster, id: string): Promise<RedisServer | undefined> {
  const slot = Number(await primaries[0]?.client.cluster('KEYSLOT', id))
  return primaries[Math.floor(slot / SLOTS_OF_ONE)]
}

interface Node {
  readonly server: RedisServer
  readonly busPort: number
}

async function startNode(
  start: (config: readonly string[]) => Promise<RedisServer>,
  nodeTimeoutMs: number,
): Promise<Node> {
  const busPort = await freePort()
  const cluster = ['cluster-enabled yes', `cluster-port ${busPort}`, `cluster-node-timeout ${nodeTimeoutMs}`]
  // A replica is there at once, and takes over however long it has heard nothing.
  const server = await start([...cluster, 'repl-diskless-sync-delay 0', 'cluster-replica-validity-factor 0'])
  await server.client.connect()
  return { server, busPort }
}

async function knowsAll({ client }: RedisServer, count: number): Promise<boolean> {
  const info = String(await client.cluster('INFO'))
  return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${count}\r`)
}

/** Who does not know of a replica does not vote for it. */
async function follow(replica: RedisServer, primaries: readonly RedisServer[]): Promise<void> {
  const first = String(await primaries[0]?.client.cluster('MYID'))
  await replica.client.call('CLUSTER', 'REPLICATE', first)
  await replica.client.readonly()
  await eventually(async () => /master_link_status:up/.test(await replica.client.info('replication')), READY_WITHIN_MS)
  const isKnown = new RegExp(`:${replica.port}@\\d+\\S* \\S*slave ${first} `)
  await eventually(
    () => everyOne(primaries, async ({ client }) => isKnown.test(String(await client.cluster('NODES')))),
    READY_WITHIN_MS,
  )
}

async function everyOne(
  servers: readonly RedisServer[],
  holds: (server: RedisServer) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(servers.map(holds))).every(Boolean)
}
