// Names the npm packages whose code a bundle really holds: from esbuild's metafile, what contributed at least one byte, and
// each package's own package.json. The lock file was rejected as the source: it lists what is installed, not what is shipped.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Metafile } from 'esbuild'

export interface NpmPackage {
  /** Its own name, also where it is imported under an alias. */
  name: string
  version: string
  /** SPDX expression; empty when the package does not say. */
  license: string
}

interface Manifest {
  name: string
  version: string
  license?: string | { type: string }
}

/** Sorted by name and version. `root` is where esbuild ran. Throws for a file of no package. */
export function readNpmPackages(metafiles: readonly Metafile[], root: string): NpmPackage[] {
  const folders = new Set(metafiles.flatMap(bundledFiles).flatMap(packageFolder))
  const packages = [...folders].map((folder) => readPackage(path.join(root, folder)))
  const byId = new Map(packages.map((found) => [`${found.name}@${found.version}`, found]))
  return [...byId].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, found]) => found)
}

/** Where the build leaves the metafile of a bundle. */
export function metafileOf(bundle: string): string {
  return `${bundle}.meta.json`
}

/** Throws when there is none, or it belongs to another build of the bundle. */
export function readMetafile(bundle: string): Metafile {
  const file = metafileOf(bundle)
  const name = path.basename(bundle)
  if (!existsSync(file))
    throw new Error(`${name} has no metafile beside it, so its contents are unknown: run make build`)
  const metafile = JSON.parse(readFileSync(file, 'utf8')) as Metafile
  const output = Object.entries(metafile.outputs).find(([output]) => path.basename(output) === name)
  if (output?.[1].bytes !== readFileSync(bundle).length) {
    throw new Error(`${name} is of another build than the metafile beside it: run make build`)
  }
  return metafile
}

function bundledFiles({ outputs }: Metafile): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([file]) => file),
  )
}

/** Of the innermost package; none for our own files. */
function packageFolder(file: string): string[] {
  const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)
  return found === null ? [] : [found[0]]
}

function readPackage(folder: string): NpmPackage {
  const {
    name,
    version,
    license = '',
  } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest
  return { name, version, license: typeof license === 'string' ? license : license.type }
}
