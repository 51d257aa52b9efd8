// A sidecar in a process of its own (sidecar-child.ts), its folder, and what can be asked of it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { publish } from '../../../cli/publish.ts'
import { CONFIG_FILE } from '../../../contract/names.ts'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'

export interface Memory {
  readonly rssBytes: number
  /** With what lies outside the heap. */
  readonly heapBytes: number
}

export interface SidecarProcess {
  readonly url: string
  readonly adminUrl: string
  /** As a kubelet does it; the sidecar finds it by itself. `keys` by file name. */
  publish(config: SidecarConfig, keys: Readonly<Record<string, string>>): Promise<void>
  /** After a collection. */
  memory(): Promise<Memory>
  stop(): Promise<void>
}

interface Told {
  readonly dataPlane?: { host: string; port: number }
  readonly admin?: { host: string; port: number }
  readonly memory?: Memory
  readonly failed?: readonly string[]
}

/** Throws when it ends before it listens. `onFailed` is told what the access log says of requests that failed. */
export async function startSidecarProcess(
  config: SidecarConfig,
  keys: Readonly<Record<string, string>>,
  onFailed: (accessLine: string) => void = () => {},
): Promise<SidecarProcess> {
  const directory = await mkdtemp(path.join(tmpdir(), 'outrigger-test-'))
  const swap = (next: SidecarConfig, nextKeys: Readonly<Record<string, string>>): Promise<void> =>
    publish(directory, new Map([[CONFIG_FILE, JSON.stringify(next)], ...Object.entries(nextKeys)]))
  await swap(config, keys)

  const child = fork(path.join(import.meta.dirname, 'sidecar-child.ts'), [directory], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
  })
  const exited = once(child, 'exit')
  const waiting: ((told: Told) => void)[] = []
  child.on('message', (told: Told) => {
    if (told.failed === undefined) waiting.shift()?.(told)
    else for (const line of told.failed) onFailed(line)
  })
  const next = (): Promise<Told> =>
    Promise.race([new Promise<Told>((resolve) => waiting.push(resolve)), exited.then(endedEarly)])
  const { dataPlane, admin } = await next()
  if (dataPlane === undefined || admin === undefined) throw new Error('The sidecar did not say where it listens.')
  return {
    url: `http://${dataPlane.host}:${dataPlane.port}`,
    adminUrl: `http://${admin.host}:${admin.port}`,
    publish: swap,
    async memory() {
      child.send('memory')
      return (await next()).memory as Memory
    },
    async stop() {
      child.send('stop')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function endedEarly([code, signal]: unknown[]): never {
  throw new Error(`The sidecar's process ended: code ${code}, signal ${signal}.`)
}
