// Collects the shared libraries that a binary needs, with the Debian package of each: its licence and its version belong into
// the image too. Two sources: what is installed on this Debian machine, or a folder of .deb files of any architecture.
// Nothing of the binary is run.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseElf } from './elf.ts'
import type { Platform } from './platform.ts'

export interface DebianPackage {
  name: string
  version: string
  architecture: string
  /** Source package. */
  source: string
  /** Debian's copyright file: the licences' text. */
  copyright: Buffer
}

export interface Library {
  soname: string
  content: Buffer
  package: DebianPackage
}

export interface LibrarySource {
  /** Where the packages' files lie: `/`, or where .deb files were unpacked. */
  root: string
  /** Throws when no package has the library. */
  ownerOf(soname: string): Omit<DebianPackage, 'copyright'>
}

const FORMAT = `\${Package} \${Version} \${Architecture} \${source:Package}\\n`

/** What dpkg knows about this machine. */
export function installedLibraries(platform: Platform): LibrarySource {
  return {
    root: '/',
    ownerOf: (soname) => {
      // A library is listed under /lib or /usr/lib, depending on the package's age.
      const found = output('dpkg-query', ['--search', `*/${platform.libraryFolder}/${soname}`])
      const [owner = ''] = found.split(': ')
      return parsePackage(output('dpkg-query', ['--show', '--showformat', FORMAT, owner]))
    },
  }
}

/** A folder of .deb files, unpacked into the empty folder `root`. */
export function packagedLibraries(platform: Platform, folder: string, root: string): LibrarySource {
  const files = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  if (files.length === 0) throw new Error(`--libs: ${folder} holds no .deb file`)
  const packages = files.sort().map((name) => {
    const file = path.join(folder, name)
    output('dpkg-deb', ['--extract', file, root])
    return {
      contents: output('dpkg-deb', ['--contents', file]),
      package: parsePackage(output('dpkg-deb', ['--show', '--showformat', FORMAT, file])),
    }
  })
  return {
    root,
    ownerOf: (soname) => {
      const ends = new RegExp(`/${platform.libraryFolder}/${RegExp.escape(soname)}( ->.*)?$`, 'm')
      const owner = packages.find(({ contents }) => ends.test(contents))
      if (owner === undefined) throw new Error(`--libs: no package in ${folder} has ${soname}`)
      return owner.package
    },
  }
}

/** The libraries that the binary needs, the loader among them, directly or through one another; sorted by soname. */
export function collectLibraries(binary: Buffer, platform: Platform, source: LibrarySource): Library[] {
  const found = new Map<string, Library>()
  const open = [path.basename(platform.loader), ...neededBy(binary, 'node', platform)]
  for (let soname = open.pop(); soname !== undefined; soname = open.pop()) {
    if (found.has(soname)) continue
    const library = readLibrary(soname, platform, source)
    found.set(soname, library)
    open.push(...neededBy(library.content, soname, platform))
  }
  return [...found.values()].sort((one, other) => (one.soname < other.soname ? -1 : 1))
}

/** os-release(5) of the packages' distribution: scanners choose their list of known faults by it. */
export function readRelease({ root }: LibrarySource): Buffer {
  const file = path.join(root, 'usr/lib/os-release')
  if (!existsSync(file)) throw new Error('there is no os-release: put the package base-files among the others')
  return readFileSync(file)
}

function neededBy(file: Buffer, name: string, platform: Platform): readonly string[] {
  const { machine, interpreter, needed } = parseElf(file, name)
  if (machine !== platform.machine) throw new Error(`${name}: is not for ${platform.architecture}`)
  if (interpreter !== undefined && name === 'node' && interpreter !== platform.loader) {
    throw new Error(`${name}: asks for the loader ${interpreter}, expected ${platform.loader}`)
  }
  return needed
}

function readLibrary(soname: string, platform: Platform, source: LibrarySource): Library {
  const folders = ['lib', 'usr/lib'].map((folder) => path.join(source.root, folder, platform.libraryFolder))
  const file = folders.map((folder) => path.join(folder, soname)).find((candidate) => existsSync(candidate))
  if (file === undefined) throw new Error(`${soname}: not found below ${source.root}; ${needs(platform)}`)
  const owner = source.ownerOf(soname)
  const copyright = readFileSync(path.join(source.root, 'usr/share/doc', owner.name, 'copyright'))
  return { soname, content: readFileSync(file), package: { ...owner, copyright } }
}

export function needs({ architecture }: Platform): string {
  return (
    `libraries come from a Debian machine of this architecture, or by --libs from a folder with the ${architecture} ` +
    'packages libc6, libgcc-s1, gcc-12-base, libstdc++6, libatomic1 and base-files (apt-get download)'
  )
}

function parsePackage(text: string): Omit<DebianPackage, 'copyright'> {
  const [name = '', version = '', architecture = '', source = ''] = text.trim().split(' ')
  return { name, version, architecture, source }
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
}
