// Ends a cluster and removes what it left: processes, containers, mounts, the network, files. In: a place. It goes by what it finds,
// not by what it remembers, so that it also cleans up after a crash; and it touches nothing outside the place.
import { readlinkSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { run, succeeds } from './command.ts'
import { ENDED_LAST } from './components.ts'
import { removeContainers, removeShims, removeTraces } from './containers.ts'
import { deleteNetwork } from './network.ts'
import type { Place } from './place.ts'
import { end, started } from './processes.ts'

/** Where kubelets link the logs of containers, whatever they are told. */
const LEGACY_LOGS = '/var/log/containers'

/** Logs stay until the next start. Nothing happens when there is nothing. */
export async function takeDown(place: Place): Promise<void> {
  const last = ENDED_LAST as readonly string[]
  const first = (await started(place)).filter((name) => !last.includes(name))
  // What watches pods ends before them, else it would start them again.
  await Promise.all(first.map((name) => end(place, name)))
  if (place.netns !== undefined) await removeContainers(place)
  for (const name of last) await end(place, name)
  if (place.netns !== undefined) await removeNode(place)
  await removeFiles(place)
}

async function removeNode(place: Place): Promise<void> {
  await removeShims(place)
  await unmountBelow(place.folder)
  await unmountBelow(place.runFolder)
  await deleteNetwork(place)
  await removeTraces(place)
  const links = (await readdir(LEGACY_LOGS).catch(() => [])).map((name) => path.join(LEGACY_LOGS, name))
  const ours = links.filter((link) => leadsInto(link, place.folder))
  await Promise.all(ours.map((link) => rm(link, { force: true })))
}

function leadsInto(link: string, folder: string): boolean {
  try {
    return readlinkSync(link).startsWith(`${folder}/`)
  } catch {
    return false
  }
}

/**
 * Volumes of pods, their root file systems, their network namespaces. Deepest first. Throws when something stays mounted: what
 * removes the files next would empty it.
 */
async function unmountBelow(folder: string): Promise<void> {
  for (const target of await mountsBelow(folder)) {
    if (!(await succeeds('umount', [target]))) await run('umount', ['--lazy', target]).catch(() => '')
  }
  const left = await mountsBelow(folder)
  if (left.length > 0) throw new Error(`cannot be unmounted: ${left.join(', ')}`)
}

async function mountsBelow(folder: string): Promise<string[]> {
  const table = await readFile('/proc/self/mounts', 'utf8')
  const targets = table.split('\n').map((line) => unescaped(line.split(' ')[1] ?? ''))
  return targets.filter((target) => target.startsWith(`${folder}/`)).sort((one, other) => other.length - one.length)
}

/** /proc/mounts writes a space as \040. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

async function removeFiles({ folder, runFolder, logs }: Place): Promise<void> {
  await rm(runFolder, { recursive: true, force: true })
  const names = await readdir(folder).catch(() => [])
  const rest = names.map((name) => path.join(folder, name)).filter((file) => file !== logs)
  await Promise.all(rest.map((file) => rm(file, { recursive: true, force: true })))
}
