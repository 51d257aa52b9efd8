// Builds the programs that a cluster is made of from Go modules, once. In: a folder with go.mod and go.sum, and a main.go or,
// in go.mod, the `tool` that is a program of somebody else's. Out: the path of a binary. It is kept under the hash of all that decides what it is, so that a second build is a look at the disk, and
// two checkouts share it. Binaries from the net were rejected: the module proxy's checksums are what this machine can verify.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { run } from './command.ts'
import { cacheFolder } from './place.ts'

export interface GoProgram {
  /** Of the binary. */
  name: string
  /** The module's folder, below test/cluster. */
  folder: string
  /** What is built: `.` by default, else a main package of a dependency. */
  package?: string
  /** For the linker. */
  flags?: readonly string[]
}

const ROOT = path.join(import.meta.dirname, '..')
const BUILD_MS = 60 * 60_000
const SOURCES = ['go.sum', 'go.mod', 'main.go']

export const KUBERNETES_VERSION = '1.36.2'

const [MAJOR = '', MINOR = ''] = KUBERNETES_VERSION.split('.')

const PROGRAMS = {
  kubernetes: {
    name: 'kubernetes',
    folder: 'kubernetes',
    // Without them the server says v0.0.0-master, and a chart's kubeVersion refuses it.
    flags: [
      `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`,
      `-X k8s.io/component-base/version.gitMajor=${MAJOR}`,
      `-X k8s.io/component-base/version.gitMinor=${MINOR}`,
    ],
  },
  pause: { name: 'pause', folder: 'tools/pause' },
  coredns: { name: 'coredns', folder: 'tools/coredns' },
  helm: {
    name: 'helm',
    folder: 'tools/helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    flags: ['-X helm.sh/helm/v4/internal/version.version=v4.3.1'],
  },
  kwok: { name: 'kwok', folder: 'tools/kwok', package: 'sigs.k8s.io/kwok/cmd/kwok' },
  'prometheus-operator': {
    name: 'prometheus-operator',
    folder: 'tools/prometheus-operator',
    package: 'github.com/prometheus-operator/prometheus-operator/cmd/operator',
    flags: ['-X github.com/prometheus/common/version.Version=0.85.0'],
  },
  'prometheus-config-reloader': {
    name: 'prometheus-config-reloader',
    folder: 'tools/prometheus-operator',
    package: 'github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader',
    flags: ['-X github.com/prometheus/common/version.Version=0.85.0'],
  },
} as const satisfies Record<string, GoProgram>

export type ProgramName = keyof typeof PROGRAMS

export function isProgramName(name: string): name is ProgramName {
  return Object.hasOwn(PROGRAMS, name)
}

export function programNames(): string[] {
  return Object.keys(PROGRAMS)
}

/** Its path; builds it when nobody has. */
export async function binary(name: ProgramName): Promise<string> {
  return await build(PROGRAMS[name])
}

async function build(program: GoProgram): Promise<string> {
  const folder = path.join(cacheFolder(), 'bin', await hashOf(program))
  const file = path.join(folder, program.name)
  if (existsSync(file)) return file
  await mkdir(folder, { recursive: true })
  console.error(`building ${program.name}: once, it may take minutes`)
  const unfinished = `${file}.${process.pid}`
  const { command, args } = outside('go', [
    ...['build', '-trimpath', '-buildvcs=false', '-p', '2', '-o', unfinished],
    ...['-ldflags', ['-s -w', ...(program.flags ?? [])].join(' ')],
    program.package ?? '.',
  ])
  const env = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' }
  await run(command, args, { cwd: path.join(ROOT, program.folder), env, timeoutMs: BUILD_MS })
  // Nobody ever sees half a binary.
  await rename(unfinished, file)
  return file
}

async function hashOf({ folder, name, package: target = '.', flags = [] }: GoProgram): Promise<string> {
  const hash = createHash('sha256')
  for (const source of SOURCES) {
    hash.update(await readFile(path.join(ROOT, folder, source)).catch(() => ''))
  }
  return hash.update(JSON.stringify({ name, target, flags })).digest('hex')
}

/** Tests run in the cluster's network, from where no module can be fetched: a build goes back to the network they came from. */
function outside(command: string, args: readonly string[]): { command: string; args: string[] } {
  const netns = process.env.OUTRIGGER_TEST_OUTSIDE
  if (netns === undefined) return { command, args: [...args] }
  return { command: 'nsenter', args: [`--net=${netns}`, '--', command, ...args] }
}
