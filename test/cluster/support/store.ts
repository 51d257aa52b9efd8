// A Redis that pods reach, as a team would run it for limits: a user with a password and the rights that docs/store.md gives it, and
// nobody else. It is one of the cluster's programs, so its log is with the others' and it ends with them. In: a cluster. Out: the
// address for the chart, signals.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { documentedRights } from '../../sidecar/store/documented-rights.ts'
import type { Cluster } from './cluster.ts'
import { NODE_IP } from './place.ts'
import { pidOf } from './processes.ts'

const NAME = 'redis'
const PORT = 6379
export const STORE_PASSWORD = 'pa:ss/wo@rd'

/** For the chart's `store.url`. */
export const STORE_URL = `redis://limits:${encodeURIComponent(STORE_PASSWORD)}@${NODE_IP}:${PORT}`

/** Nothing is saved: one that is started again is empty. Runs until `endStore`. */
export async function startStore(cluster: Cluster): Promise<void> {
  const { folder } = cluster.place
  const { rules } = await documentedRights()
  const file = path.join(folder, 'redis.conf')
  const users = ['user default off', `user limits on >${STORE_PASSWORD} ${rules.join(' ')}`]
  const lines = [`bind ${NODE_IP}`, `port ${PORT}`, `dir ${folder}`, 'save ""', 'maxmemory-policy noeviction', ...users]
  await writeFile(file, `${lines.join('\n')}\n`)
  await cluster.startProgram({ name: NAME, command: 'redis-server', args: [file] })
}

/** Throws when it does not run. */
export async function signalStore(cluster: Cluster, signal: NodeJS.Signals): Promise<void> {
  const pid = await pidOf(cluster.place, NAME)
  if (pid === undefined) throw new Error('the store does not run')
  process.kill(pid, signal)
}

/** At once, whatever state it is in. */
export async function endStore(cluster: Cluster): Promise<void> {
  await cluster.endProgram(NAME, 'SIGKILL')
}
