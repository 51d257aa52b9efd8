// What containerd runs for the cluster: images in, containers out. In: a place. containerd is driven by its own `ctr`, in the
// namespace that the kubelet uses. Taking down asks nobody: pods are killed, not deleted, because the whole cluster goes with them.
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { type CommandOptions, run, succeeds } from './command.ts'
import { containerdSocket } from './node-config.ts'
import type { Place } from './place.ts'
import { endPid } from './processes.ts'

const KUBERNETES = 'k8s.io'
const CONTROL_GROUPS = '/sys/fs/cgroup'
const NETWORK_RESULTS = '/var/lib/cni/results'

export async function containerdAnswers(place: Place): Promise<boolean> {
  return await succeeds('ctr', ['--address', containerdSocket(place), '--connect-timeout', '2s', 'version'])
}

/** A docker archive or an OCI layout, as `docker save` and scripts/image.ts write it. Pods name it with `imagePullPolicy: Never`. */
export async function importImage(place: Place, file: string): Promise<void> {
  await ctr(place, ['images', 'import', '--no-unpack=false', file])
}

/** Another name for the same image. */
export async function tagImage(place: Place, reference: string, another: string): Promise<void> {
  await ctr(place, ['images', 'tag', '--force', reference, another])
}

/** References of all images. */
export async function imageReferences(place: Place): Promise<string[]> {
  return lines(await ctr(place, ['images', 'list', '--quiet']))
}

/** Kills and removes every container; containerd still runs, the kubelet does not. */
export async function removeContainers(place: Place): Promise<void> {
  if (!(await containerdAnswers(place))) return
  const tasks = lines(await ctr(place, ['tasks', 'list', '--quiet']))
  await Promise.all(tasks.map((task) => ctr(place, ['tasks', 'delete', '--force', task]).catch(() => '')))
  const containers = lines(await ctr(place, ['containers', 'list', '--quiet']))
  if (containers.length > 0) await ctr(place, ['containers', 'delete', ...containers]).catch(() => '')
}

/** What forced ends leave of containers outside the cluster's folders: control groups, and what network plugins answered. */
export async function removeTraces(place: Place): Promise<void> {
  const root = path.join(place.folder, 'containerd/io.containerd.grpc.v1.cri')
  const ids = await Promise.all(
    ['sandboxes', 'containers'].map((kind) => readdir(path.join(root, kind)).catch(() => [])),
  )
  const groups = [CONTROL_GROUPS, ...readdirSync(CONTROL_GROUPS).map((name) => path.join(CONTROL_GROUPS, name))]
  const results = await readdir(NETWORK_RESULTS).catch(() => [])
  for (const id of ids.flat()) {
    // An rmdir harms none that is in use.
    await Promise.all(groups.map((group) => rmdir(path.join(group, KUBERNETES, id)).catch(() => undefined)))
    const ours = results.filter((name) => name.includes(id))
    await Promise.all(ours.map((name) => rm(path.join(NETWORK_RESULTS, name), { force: true })))
  }
}

/** Ends containers that nobody watches any more: each has a shim that names this cluster's containerd on its command line. */
export async function removeShims(place: Place): Promise<void> {
  const all = processes()
  const shims = all.filter(
    ({ line }) => /containerd-shim/.test(line[0] ?? '') && line.includes(containerdSocket(place)),
  )
  for (const { pid } of shims) {
    const inside = descendants(pid, all)
    await endPid(pid, 'SIGKILL')
    for (const child of inside) await endPid(child, 'SIGKILL')
  }
}

async function ctr(place: Place, args: readonly string[], options?: CommandOptions): Promise<string> {
  return await run('ctr', ['--address', containerdSocket(place), '--namespace', KUBERNETES, ...args], options)
}

interface Process {
  pid: number
  parent: number
  line: readonly string[]
}

function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return [{ pid: Number(name), parent, line: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0') }]
    } catch {
      // It ended while we looked.
      return []
    }
  })
}

function descendants(pid: number, all: readonly Process[]): number[] {
  const children = all.filter(({ parent }) => parent === pid).map((child) => child.pid)
  return children.flatMap((child) => [child, ...descendants(child, all)])
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
