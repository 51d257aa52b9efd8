// A real Kubernetes for tests: etcd, API server, controller manager, scheduler, and, with a node, containerd, kubelet and kube-proxy.
// In: what is wanted. Out: a `Cluster`, through which tests talk to it. All of it is processes of this machine, in a network
// namespace of their own, so nothing needs Docker, images of Kubernetes, or a port. kind and k3s were rejected: they need a
// registry, and the component under test is then whatever version their image holds.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { binary } from './binaries.ts'
import { type CommandOptions, run } from './command.ts'
import { type ComponentName, component, NODE_COMPONENTS } from './components.ts'
import { containerdAnswers } from './containers.ts'
import { DNS_PROBE, dnsServer } from './dns.ts'
import { providePauseImage } from './images.ts'
import { createKubectl, type Kubectl } from './kubectl.ts'
import { createNetwork } from './network.ts'
import { nodeConfig } from './node-config.ts'
import { eventually } from './patience.ts'
import { NODE_NAME, writePki } from './pki.ts'
import { API_SERVICE_IP, controlPlanePlace, nodePlace, type Place } from './place.ts'
import { end, inNetwork, isRunning, type Program, start, whatDied } from './processes.ts'
import { type Purpose, readState, refuseWhenTaken, writeState } from './state.ts'
import { takeDown } from './teardown.ts'

export interface Cluster {
  readonly place: Place
  /** Path of the binary that holds all components. */
  readonly kubernetes: string
  readonly kubectl: Kubectl
  /** Runs a command in the cluster's network, where pods and Services answer; stdout. */
  inCluster(command: string, args: readonly string[], options?: CommandOptions): Promise<string>
  /** Starts a program in the cluster's network; it ends with the cluster, at the latest. */
  startProgram(program: Program): Promise<void>
  /** Starts a component again that a test has ended. */
  startComponent(name: ComponentName): Promise<void>
  /** Ends a component or program; SIGKILL after a while. */
  endProgram(name: string, signal?: NodeJS.Signals): Promise<void>
  /** Ends everything, leaves nothing but logs. */
  stop(): Promise<void>
}

/**
 * With a node: pods run. Needs root. There is one at a time: what a crashed one left behind is removed first. Throws while another
 * process has one for itself.
 */
export async function startCluster(purpose: Purpose): Promise<Cluster> {
  const place = nodePlace()
  await refuseWhenTaken(place)
  await takeDown(place)
  const kubernetes = await binary('kubernetes')
  await writeState(place, { purpose, kubernetes, complete: false })
  const cluster = await startControlPlaneAt(place, kubernetes)
  await orTakeDown(place, () => startNode(cluster))
  await writeState(place, { purpose, kubernetes, complete: true })
  return cluster
}

/**
 * API server, etcd and controller manager only, in an empty folder, which is then the cluster's own: for what needs no pods to run.
 * Needs no root. Any number at a time.
 */
export async function startControlPlane(folder: string): Promise<Cluster> {
  return await startControlPlaneAt(await controlPlanePlace(folder), await binary('kubernetes'))
}

/** The cluster with a node that is up; undefined when there is none. Tests that support/runner.ts runs find one. */
export async function attachCluster(): Promise<Cluster | undefined> {
  const cluster = await knownCluster()
  if (cluster === undefined) return undefined
  const running = await Promise.all(NODE_COMPONENTS.map((name) => isRunning(cluster.place, name)))
  return running.every(Boolean) ? cluster : undefined
}

/** The same, but parts of it may have died. */
export async function knownCluster(): Promise<Cluster | undefined> {
  const place = nodePlace()
  const state = await readState(place)
  return state?.complete === true ? createCluster(place, state.kubernetes) : undefined
}

/** Removes the cluster with a node, whatever state it is in. Throws while another process has it for itself. */
export async function removeCluster(): Promise<void> {
  await refuseWhenTaken(nodePlace())
  await takeDown(nodePlace())
}

async function startControlPlaneAt(place: Place, kubernetes: string): Promise<Cluster> {
  await rm(place.logs, { recursive: true, force: true })
  await mkdir(place.runFolder, { recursive: true })
  await writePki(place.pki, place.server, API_SERVICE_IP)
  await createNetwork(place)
  const cluster = createCluster(place, kubernetes)
  await orTakeDown(place, async () => {
    await cluster.startComponent('etcd')
    await cluster.startComponent('kube-apiserver')
    await comes(place, 'the API server is ready', () => cluster.kubectl(['get', '--raw', '/readyz']))
    await cluster.startComponent('kube-controller-manager')
    await comes(place, 'there is a service account', () => cluster.kubectl(['get', 'serviceaccount', 'default']))
  })
  return cluster
}

async function orTakeDown(place: Place, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    await takeDown(place)
    throw error
  }
}

async function startNode(cluster: Cluster): Promise<void> {
  const { place } = cluster
  await writeNodeFiles(place)
  await cluster.startComponent('kube-scheduler')
  await cluster.startComponent('containerd')
  await cluster.startProgram(await dnsServer(place))
  await comes(place, 'containerd answers', () => containerdAnswers(place))
  await providePauseImage(place)
  await cluster.startComponent('kubelet')
  await cluster.startComponent('kube-proxy')
  await comes(place, 'the node is ready', () => nodeIsReady(cluster))
  await comes(place, 'names resolve', () => cluster.inCluster(process.execPath, ['-e', DNS_PROBE]).then(() => true))
}

async function comes(place: Place, what: string, look: () => Promise<unknown>): Promise<void> {
  await eventually(what, look, { inVain: () => whatDied(place) })
}

function createCluster(place: Place, kubernetes: string): Cluster {
  return {
    place,
    kubernetes,
    kubectl: createKubectl(place, kubernetes),
    inCluster: async (command, args, options) => {
      const line = inNetwork(place, command, args)
      return await run(line.command, line.args, options)
    },
    startProgram: (program) => start(place, program),
    startComponent: (name) => start(place, component(name, place, kubernetes)),
    endProgram: (name, signal) => end(place, name, signal),
    stop: () => takeDown(place),
  }
}

async function writeNodeFiles(place: Place): Promise<void> {
  for (const [name, text] of Object.entries(nodeConfig(place))) {
    const file = path.join(place.folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
  }
}

async function nodeIsReady({ kubectl }: Cluster): Promise<boolean> {
  const ready = '{.status.conditions[?(@.type=="Ready")].status}'
  return (await kubectl(['get', 'node', NODE_NAME, '-o', `jsonpath=${ready}`])) === 'True'
}
