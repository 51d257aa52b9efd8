// Where a cluster lies: its folders, addresses and ports. In: a name. Out: values; nothing is created here. The kept cluster that
// `make cluster-up` starts has a fixed name and fixed addresses, so that everybody finds it: it lives in a network namespace, where
// nothing collides. A control plane alone needs no namespace and no root: it takes free ports of the loopback interface.
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'

export interface Place {
  name: string
  /** Everything of the cluster but sockets: data, certificates, logs. Gone after `down`, but for `logs`. */
  folder: string
  /** Sockets and run-time state: short, because a socket's path has 107 bytes at most. */
  runFolder: string
  logs: string
  pki: string
  /** PID files. */
  pids: string
  /** For kubectl and tests, as cluster-admin. */
  kubeconfig: string
  /** File of the network namespace that all processes of the cluster live in; none: this process's own. */
  netns?: string
  server: URL
  ports: { etcd: number; etcdPeer: number; apiServer: number }
}

/** Another name, given by OUTRIGGER_CLUSTER, is another cluster beside it. */
const KEPT_CLUSTER = process.env.OUTRIGGER_CLUSTER || 'outrigger'

/** The node's address: of the API server, the kubelet, the DNS server and the tests' own listeners. */
export const NODE_IP = '10.243.0.1'
export const NODE_NET = `${NODE_IP}/24`
export const POD_CIDR = '10.244.0.0/24'
export const SERVICE_CIDR = '10.96.0.0/16'
/** Of the Service `kubernetes`. */
export const API_SERVICE_IP = '10.96.0.1'

/** Settable by OUTRIGGER_CACHE, because CI keeps it from run to run. */
export function cacheFolder(): string {
  return process.env.OUTRIGGER_CACHE || path.join(os.homedir(), '.cache/outrigger')
}

/** Of a cluster with a node. */
export function nodePlace(name = KEPT_CLUSTER): Place {
  // It names folders that are removed.
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name)) throw new Error(`OUTRIGGER_CLUSTER: no name for a cluster: "${name}"`)
  const ports = { etcd: 2379, etcdPeer: 2380, apiServer: 6443 }
  const folder = path.join(cacheFolder(), 'cluster', name)
  return placed(name, folder, {
    runFolder: `/run/outrigger-test/${name}`,
    netns: `/run/netns/${name}`,
    host: NODE_IP,
    ports,
  })
}

/** Of a control plane alone, in a folder of the caller's. */
export async function controlPlanePlace(folder: string): Promise<Place> {
  const [etcd = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3)
  const name = path.basename(folder)
  return placed(name, folder, {
    runFolder: path.join(folder, 'run'),
    host: '127.0.0.1',
    ports: { etcd, etcdPeer, apiServer },
  })
}

interface Whereabouts {
  runFolder: string
  netns?: string
  host: string
  ports: Place['ports']
}

function placed(name: string, folder: string, { runFolder, netns, host, ports }: Whereabouts): Place {
  const pki = path.join(folder, 'pki')
  return {
    name,
    folder,
    runFolder,
    logs: path.join(folder, 'logs'),
    pki,
    pids: path.join(folder, 'pids'),
    kubeconfig: path.join(pki, 'admin.kubeconfig'),
    ...(netns === undefined ? {} : { netns }),
    server: new URL(`https://${host}:${ports.apiServer}`),
    ports,
  }
}

/** All are held until the last is known, so that they differ. Somebody else may take one meanwhile: then the start fails, loudly. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(async (server) => {
      const listening = Promise.withResolvers<void>()
      server.once('error', listening.reject).listen(0, '127.0.0.1', listening.resolve)
      await listening.promise
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
      return address.port
    }),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
