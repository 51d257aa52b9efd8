// Names of Services and pods: CoreDNS on the node's address, which the kubelet writes into every pod's resolv.conf. It runs beside
// the other components, not in pods: nothing here is about CoreDNS, and so it needs no image and is there before the first pod.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { binary } from './binaries.ts'
import { NODE_IP, type Place } from './place.ts'
import type { Program } from './processes.ts'

/** Asks it for the one name that every cluster has. */
export const DNS_PROBE = `
  const resolver = new (require('node:dns/promises').Resolver)()
  resolver.setServers(['${NODE_IP}'])
  resolver.resolve4('kubernetes.default.svc.cluster.local').catch(() => process.exit(1))`

/** Writes its configuration; what is to be started. */
export async function dnsServer(place: Place): Promise<Program> {
  const file = path.join(place.folder, 'Corefile')
  await writeFile(file, corefile(place))
  return { name: 'coredns', command: await binary('coredns'), args: ['-conf', file] }
}

/** No plugin that forwards: nothing outside the cluster has a name here. */
function corefile({ kubeconfig }: Place): string {
  return `.:53 {
  bind ${NODE_IP}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig}
    ttl 1
  }
}
`
}
