// Reads what goes into an image from the working copy: Node, libraries, bundles, version and commit.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build, type Metafile } from 'esbuild'
import { BUNDLE_OPTIONS } from '../bundle-options.ts'
import {
  collectLibraries,
  installedLibraries,
  type LibrarySource,
  needs,
  packagedLibraries,
  readRelease,
} from './libraries.ts'
import { readMetafile } from './packages.ts'
import { architectureOf, type Platform } from './platform.ts'
import type { AppFile, NodeRuntime, Runtime } from './rootfs.ts'

export interface RuntimePlaces {
  /** Folder with bin/node, package.json and LICENSE; undefined: the one among the dependencies. */
  nodeFolder: string | undefined
  /** Folder of .deb files; undefined: this machine's libraries. */
  debFolder: string | undefined
}

export interface App {
  files: readonly AppFile[]
  /** Which of them Node starts. */
  entryFile: string
  /** For the bill of materials. Throws when it cannot be known. */
  metafiles(): Metafile[]
}

export interface Project {
  version: string
  license: string
  /** ISO 8601: SOURCE_DATE_EPOCH, else the commit's time, else 1970. */
  created: string
  /** Commit, with -dirty behind it when files differ; empty outside a repository. */
  revision: string
}

const ROOT = path.join(import.meta.dirname, '../..')

/** Throws with what is missing when the machine cannot provide it. */
export function readRuntime(platform: Platform, places: RuntimePlaces): Runtime {
  const isForeign = platform.architecture !== architectureOf(process.arch) || process.platform !== 'linux'
  if (isForeign && places.nodeFolder === undefined) {
    throw new Error(`--node: name the unpacked npm package ${platform.nodePackage} (npm pack, tar -xzf)`)
  }
  if (isForeign && places.debFolder === undefined) throw new Error(`--libs: ${needs(platform)}`)
  const node = readNode(places.nodeFolder ?? installedNode(platform))
  const unpacked = mkdtempSync(path.join(tmpdir(), 'outrigger-image-'))
  try {
    const source = librarySource(platform, places.debFolder, unpacked)
    const libraries = collectLibraries(node.binary, platform, source)
    return { platform, node, libraries, release: readRelease(source) }
  } finally {
    rmSync(unpacked, { recursive: true, force: true })
  }
}

/** Outrigger's bundles and the licences of what is in them. Throws when nothing was built. */
export function readOutrigger(): App {
  const folder = path.join(ROOT, 'dist')
  const names = existsSync(folder) ? readdirSync(folder) : []
  const bundles = names.filter((name) => /^outrigger.*\.cjs$/.test(name)).sort()
  if (!bundles.includes('outrigger.cjs')) throw new Error('dist/outrigger.cjs is not there: run make build')
  const shipped = names.filter((name) => /^outrigger.*\.cjs(\.LEGAL\.txt)?$/.test(name))
  return {
    files: [
      ...shipped.map((name) => ({ name, content: readFileSync(path.join(folder, name)) })),
      { name: 'LICENSE', content: readFileSync(path.join(ROOT, 'LICENSE')) },
    ],
    entryFile: 'outrigger.cjs',
    metafiles: () => bundles.map((name) => readMetafile(path.join(folder, name))),
  }
}

/** Bundles one TypeScript file with all that it imports. */
export async function bundleApp(entry: string): Promise<App> {
  const entryFile = `${path.basename(entry, path.extname(entry))}.cjs`
  const { outputFiles, metafile } = await build({
    ...BUNDLE_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: [path.resolve(entry)],
    outfile: entryFile,
    write: false,
  })
  const files = outputFiles.map((file) => ({ name: path.basename(file.path), content: Buffer.from(file.contents) }))
  return { files, entryFile, metafiles: () => [metafile] }
}

export function readProject(): Project {
  const { version, license } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Project
  const epoch = process.env.SOURCE_DATE_EPOCH || git('log', '-1', '--format=%ct') || '0'
  if (!/^\d+$/.test(epoch)) throw new Error(`SOURCE_DATE_EPOCH: expected seconds since 1970, not "${epoch}"`)
  const created = new Date(Number(epoch) * 1000).toISOString()
  return { version, license, created, revision: git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*') }
}

function librarySource(platform: Platform, debFolder: string | undefined, unpacked: string): LibrarySource {
  return debFolder === undefined ? installedLibraries(platform) : packagedLibraries(platform, debFolder, unpacked)
}

/** The platform's own package where it is among the dependencies, because it brings the licence; else what `node` linked. */
function installedNode({ nodePackage }: Platform): string {
  const folders = [nodePackage, 'node'].map((name) => path.join(ROOT, 'node_modules', name))
  const folder = folders.find((candidate) => existsSync(path.join(candidate, 'bin/node')))
  if (folder === undefined) throw new Error('node_modules holds no Node: run make install')
  return folder
}

function readNode(folder: string): NodeRuntime {
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string }
  const license = path.join(folder, 'LICENSE')
  return {
    binary: readFileSync(path.join(folder, 'bin/node')),
    version,
    license: existsSync(license) ? readFileSync(license) : undefined,
  }
}

/** Empty where there is no repository, or no git. */
function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}
