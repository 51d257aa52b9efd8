// The network namespace that a cluster with a node lives in. In: a place. Out: a namespace with the node's address, from which
// nothing outside can be reached, and in which every port is free.
import { existsSync } from 'node:fs'
import { run } from './command.ts'
import { NODE_NET, type Place } from './place.ts'
import { inNetwork } from './processes.ts'

/** Nothing for a place without a namespace. */
export async function createNetwork(place: Place): Promise<void> {
  if (place.netns === undefined) return
  const inside = async (command: string, ...args: string[]): Promise<void> => {
    const line = inNetwork(place, command, args)
    await run(line.command, line.args)
  }
  await run('ip', ['netns', 'add', place.name])
  await inside('ip', 'link', 'set', 'lo', 'up')
  // A bridge without ports: some kernels have no `dummy` devices.
  await inside('ip', 'link', 'add', 'node0', 'type', 'bridge')
  await inside('ip', 'address', 'add', NODE_NET, 'dev', 'node0')
  await inside('ip', 'link', 'set', 'node0', 'up')
  // Without a default route, ClusterIPs would be "network unreachable" before kube-proxy's rules see them.
  await inside('ip', 'route', 'add', 'default', 'dev', 'node0')
  // Of this namespace: /proc/sys/net is that of whoever opens it.
  await inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
}

export async function deleteNetwork({ name, netns }: Place): Promise<void> {
  if (netns !== undefined && existsSync(netns)) await run('ip', ['netns', 'delete', name])
}
