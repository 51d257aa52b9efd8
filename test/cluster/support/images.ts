// Images without a registry and without Docker. In: files of this machine. Out: archives, imported into the cluster's containerd.
// References are below `localhost/`, which nothing pulls from, and have a tag other than `latest`, which the kubelet would pull.
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { packImage } from '../../../scripts/image/archive.ts'
import { type Entry, fileEntry, renderTar, withParents } from '../../../scripts/image/tar.ts'
import { binary } from './binaries.ts'
import { run } from './command.ts'
import { imageReferences, importImage } from './containers.ts'
import { PAUSE_IMAGE } from './node-config.ts'
import type { Place } from './place.ts'

export interface ImageSource {
  /** `localhost/NAME:TAG`. */
  reference: string
  entries: readonly Entry[]
  entrypoint: readonly string[]
  /** 65532 by default: not root. */
  user?: string
  environment?: Readonly<Record<string, string>>
}

export const NODE_IMAGE = 'localhost/node:test'

/** Architectures as images name them, by Node's names. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' }

/** Packs and imports it, unless an image of that reference is there. */
export async function provideImage(
  place: Place,
  reference: string,
  source: () => Promise<ImageSource>,
): Promise<string> {
  const present = await imageReferences(place)
  if (present.includes(reference)) return reference
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outrigger-image-'))
  const file = path.join(folder, 'image.tar')
  try {
    await writeImage(file, await source())
    await importImage(place, file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return reference
}

/** Writes an archive that containerd and docker import. */
export async function writeImage(file: string, source: ImageSource): Promise<void> {
  const { reference, entries, entrypoint, user = '65532:65532', environment = {} } = source
  const settings = { user, environment: { PATH: '/usr/local/bin', ...environment }, entrypoint, workingDirectory: '/' }
  const architecture = ARCHITECTURES[process.arch] ?? process.arch
  const description = { reference, architecture, created: '2000-01-01T00:00:00Z', labels: {}, settings }
  const archive = packImage(description, [{ comment: reference, entries: withParents(entries) }])
  await pipeline(Readable.from(renderTar(archive.entries)), createWriteStream(file))
}

/** All files below a folder, at the same paths in the image. */
export async function folderEntries(folder: string): Promise<Entry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
  return await Promise.all(files.map((file) => machineFile(file, path.relative(folder, file))))
}

/** A file of this machine at a path in the image, with its permissions. */
export async function machineFile(file: string, target: string): Promise<Entry> {
  const { mode } = await stat(file)
  return fileEntry(target.replace(/^\//, ''), await readFile(file), mode & 0o777)
}

/** Holds a pod's namespaces open. */
export async function providePauseImage(place: Place): Promise<string> {
  return await provideImage(place, PAUSE_IMAGE, async () => ({
    reference: PAUSE_IMAGE,
    entries: [await machineFile(await binary('pause'), 'pause')],
    entrypoint: ['/pause'],
  }))
}

/** Node and nothing else: what a pod runs is given by its `args`, `['-e', 'console.log(1)']` for example. */
export async function provideNodeImage(place: Place): Promise<string> {
  return await provideImage(place, NODE_IMAGE, async () => ({
    reference: NODE_IMAGE,
    entries: await nodeEntries(),
    entrypoint: ['/usr/local/bin/node'],
  }))
}

/** The Node that runs this, its shared libraries, and names for the accounts; see `writeImage`. */
export async function nodeEntries(): Promise<Entry[]> {
  const libraries = await sharedLibraries(process.execPath)
  return [
    await machineFile(process.execPath, 'usr/local/bin/node'),
    ...(await Promise.all(libraries.map((file) => machineFile(file, file)))),
    fileEntry('etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n'),
    fileEntry('etc/nsswitch.conf', 'hosts: files dns\n'),
    { kind: 'Folder', path: 'tmp', mode: 0o1777 },
  ]
}

/** As the dynamic loader finds them here, the loader among them. Empty for a static binary. */
async function sharedLibraries(file: string): Promise<string[]> {
  const printed = await run('ldd', [file]).catch(() => '')
  return [...new Set([...printed.matchAll(/(?:=> |^\s+)(\/\S+)/gm)].map(([, library = '']) => library))]
}
