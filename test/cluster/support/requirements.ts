// What a machine needs for a cluster. In: the machine. Out: a sentence for each thing that is missing, for people. Tests that cannot
// run say so with these sentences and count as skipped, never as passed.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { networkPlugins } from './node-config.ts'
import { SYSTEM_PATH } from './processes.ts'

interface Requirement {
  program: string
  /** Debian's name of what brings it. */
  package: string
}

const CONTROL_PLANE: readonly Requirement[] = [
  { program: 'go', package: 'golang (1.21 or newer, which fetches the version that it needs)' },
  { program: 'openssl', package: 'openssl' },
]

const NODE: readonly Requirement[] = [
  ...CONTROL_PLANE,
  { program: 'containerd', package: 'containerd' },
  { program: 'ctr', package: 'containerd' },
  { program: 'runc', package: 'runc' },
  { program: 'nft', package: 'nftables' },
  { program: 'ip', package: 'iproute2' },
  { program: 'nsenter', package: 'util-linux' },
]

/** For a control plane without a node. */
export function missingForControlPlane(): string[] {
  return [...missingSystem(), ...missingPrograms(CONTROL_PLANE)]
}

/** For a cluster with a node. */
export function missingForNode(): string[] {
  const root = process.getuid?.() === 0 ? [] : ['root is needed: for network namespaces, mounts and containers']
  const plugins =
    networkPlugins() === undefined ? ['the network plugin ptp is not installed: containernetworking-plugins'] : []
  const missing = [...missingSystem(), ...root, ...missingPrograms(NODE), ...plugins]
  return missing.length > 0 ? missing : missingRights()
}

/** Root in a container may lack what root has. */
function missingRights(): string[] {
  const { status, stderr } = spawnSync('unshare', ['--net', '--mount', 'true'], { encoding: 'utf8' })
  return status === 0 ? [] : [`this root may not make network namespaces and mounts: ${stderr.trim()}`]
}

function missingSystem(): string[] {
  return process.platform === 'linux' ? [] : [`Linux is needed, this is ${process.platform}`]
}

function missingPrograms(requirements: readonly Requirement[]): string[] {
  return requirements
    .filter(({ program }) => !isInstalled(program))
    .map((requirement) => `${requirement.program} is not installed: package ${requirement.package}`)
}

function isInstalled(program: string): boolean {
  return SYSTEM_PATH.split(':').some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
