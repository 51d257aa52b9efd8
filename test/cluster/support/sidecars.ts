// What a sidecar tells of itself while a test goes on: its admin pages, and its log line by line. In: a pod's address and name. Out:
// what they say. The log is followed rather than asked for: the kubelet starts a new file every few megabytes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type AccessLine, parseAccessLine } from '../../../cli/explain/access-line.ts'
import { ADMIN_PORT } from '../../../contract/names.ts'
import type { PodAddress } from './applications.ts'
import type { Cluster } from './cluster.ts'
import { inNetwork } from './processes.ts'

/** Of `/health/providers`. */
export interface ProviderState {
  provider: string
  healthCheck: { state: 'Healthy' | 'Unhealthy'; why: string | null } | null
  circuits: { operation: string; state: 'Closed' | 'Open' | 'HalfOpen'; opened: number; until: string | null }[]
  credentials: { name: string; state: string; until: string | null; why: string | null }[]
}

/** Of its admin server, such as `/status`. */
export async function adminPage({ ip }: Pick<PodAddress, 'ip'>, page: string): Promise<string> {
  return await (await fetch(`http://${ip}:${ADMIN_PORT}${page}`)).text()
}

/** `provider` is an id: `NAMESPACE/NAME`. */
export async function providerState(pod: PodAddress, provider: string): Promise<ProviderState> {
  const states = JSON.parse(await adminPage(pod, '/health/providers')) as ProviderState[]
  const state = states.find((one) => one.provider === provider)
  if (state === undefined) throw new Error(`${pod.ip} knows no provider ${provider}`)
  return state
}

/** Of a series that is named in full: `outrigger_provider_healthy{provider="shop/first"}`. Undefined: there is none. */
export async function metric(pod: PodAddress, series: string): Promise<number | undefined> {
  const text = await adminPage(pod, '/metrics')
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

/** A line of the application log. */
export interface LogLine {
  level: string
  msg: string
  [field: string]: unknown
}

export class SidecarLog {
  /** In order, since the pod's beginning. */
  readonly access: AccessLine[] = []
  readonly application: LogLine[] = []
  readonly #kubectl: ChildProcess

  constructor({ place, kubernetes }: Cluster, namespace: string, pod: string) {
    const args = ['logs', pod, '--namespace', namespace, '--container', 'outrigger', '--follow']
    const line = inNetwork(place, kubernetes, ['kubectl', ...args])
    const env = { ...process.env, KUBECONFIG: place.kubeconfig, HOME: place.folder }
    this.#kubectl = spawn(line.command, line.args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#kubectl.stdout !== null) createInterface(this.#kubectl.stdout).on('line', (text) => this.#take(text))
  }

  async close(): Promise<void> {
    if (this.#kubectl.exitCode !== null || !this.#kubectl.kill('SIGKILL')) return
    await once(this.#kubectl, 'close')
  }

  #take(text: string): void {
    const access = parseAccessLine(text)
    if (access !== undefined) this.access.push(access)
    else if (text.startsWith('{')) this.application.push(JSON.parse(text) as LogLine)
  }
}
