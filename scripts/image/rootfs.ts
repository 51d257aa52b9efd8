// What lies in the image, as the entries of its two layers: the runtime (Node, its libraries, the few files of a system), which
// stays the same from release to release and is shared with the demo, and the application. In: contents. Out: entries. There is
// no shell, no package manager, no loader cache, and no certificate folder: Node has Mozilla's certificates built in, and
// NODE_EXTRA_CA_CERTS or a provider's caBundle adds others. Names resolve by libc itself, which since glibc 2.34 carries `files`
// and `dns`. The packages' licences and their names and versions, where scanners look for them, are there too.

import type { DebianPackage, Library } from './libraries.ts'
import type { Platform } from './platform.ts'
import { type Entry, fileEntry, withParents } from './tar.ts'

/** Not root, and known to no other image: what Kubernetes' `restricted` asks for. */
export const USER_ID = 65532

export const NODE_PATH = '/usr/local/bin/node'
export const APP_FOLDER = '/app'

export interface NodeRuntime {
  binary: Buffer
  /** As package.json says it: 26.10.0. */
  version: string
  /** Node's licence with those of what it contains; absent where the binary came without. */
  license: Buffer | undefined
}

export interface Runtime {
  platform: Platform
  node: NodeRuntime
  libraries: readonly Library[]
  /** os-release(5). */
  release: Buffer
}

export interface AppFile {
  /** Below the application's folder. */
  name: string
  content: Buffer
}

/** Each package once, sorted by name. */
export function packagesOf(libraries: readonly Library[]): DebianPackage[] {
  const byName = new Map(libraries.map((library) => [library.package.name, library.package]))
  return [...byName.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Absolute path of a library in the image. */
export function libraryPath(soname: string, platform: Platform): string {
  return platform.loader.endsWith(`/${soname}`) ? platform.loader : `/lib/${platform.libraryFolder}/${soname}`
}

export function runtimeLayer({ platform, node, libraries, release }: Runtime): Entry[] {
  const license = node.license === undefined ? [] : [file('/usr/share/doc/node/LICENSE', node.license)]
  return withParents([
    file(NODE_PATH, node.binary, 0o755),
    ...libraries.map(({ soname, content }) => file(libraryPath(soname, platform), content, 0o755)),
    ...license,
    ...packagesOf(libraries).flatMap(packageFiles),
    file('/etc/os-release', release),
    file('/etc/passwd', accounts('root:x:0:0:root:/:/sbin/nologin', `nonroot:x:${IDS}:nonroot:/:/sbin/nologin`)),
    file('/etc/group', accounts('root:x:0:', `nonroot:x:${USER_ID}:`)),
    file('/etc/nsswitch.conf', accounts('passwd: files', 'group: files', 'hosts: files dns')),
    { kind: 'Folder', path: 'tmp', mode: 0o1777 },
  ])
}

export function appLayer(files: readonly AppFile[]): Entry[] {
  return withParents(files.map(({ name, content }) => file(`${APP_FOLDER}/${name}`, content)))
}

const IDS = `${USER_ID}:${USER_ID}`

function file(path: string, content: string | Buffer, mode?: number): Entry {
  return fileEntry(path.slice(1), content, mode)
}

function accounts(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}

/** Where scanners of images without a package manager look. */
function packageFiles({ name, version, architecture, source, copyright }: DebianPackage): Entry[] {
  const status = accounts(
    `Package: ${name}`,
    'Status: install ok installed',
    `Source: ${source}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
  )
  return [file(`/var/lib/dpkg/status.d/${name}`, status), file(`/usr/share/doc/${name}/copyright`, copyright)]
}
