// A real sidecar in the test's own process: its sockets, its configuration folder and its logs are real, only its ports
// are any free ones. What it serves is published the way file mode publishes it, so a reload is the product's own.
//
//   const mock = await startMock()
//   const sidecar = await startTestSidecar(threeProviders(mock.url))
//   … new OpenAI({ baseURL: `${sidecar.url}/v1`, apiKey: CLIENT_KEY })
//   await sidecar.publish({ config: sidecarConfig({ … }), keys: { 'shop.openai.primary': 'sk-…' } })
//   await sidecar.stop()
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { compileObjects, renderDocument } from '../../cli/file-mode.ts'
import { parseFiles } from '../../cli/files/parse.ts'
import { formatProblem } from '../../cli/files/problem.ts'
import { publish } from '../../cli/publish.ts'
import { CONFIG_FILE } from '../../contract/names.ts'
import type { SecretValue } from '../../contract/secret.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Address } from '../../process/flag.ts'
import { createLog } from '../../process/log.ts'
import { SIDECAR_FLAGS, type SidecarSettings } from '../../sidecar/settings.ts'
import { type Sidecar, startSidecar } from '../../sidecar/sidecar.ts'

/** Custom resources and Secrets as YAML, or a document with the keys that it names, by file. */
export type Source = string | { config: SidecarConfig; keys?: Readonly<Record<string, string>> }

export type Line = Readonly<Record<string, unknown>>

export interface TestSidecar {
  /** Of the data plane, without a path: `http://127.0.0.1:41234`. */
  readonly url: string
  readonly adminUrl: string
  readonly sidecar: Sidecar
  /** What is published to; for tests that write there by other means. */
  readonly directory: string
  /** Of the application log, so far. */
  readonly logLines: readonly Line[]
  /** Of the access log, so far. They are written in batches: wait for the one that is meant. */
  readonly accessLines: readonly Line[]
  /** The first access line, past or future, for which `matches` is true. */
  accessLine(matches: (line: Line) => boolean): Promise<Line>
  /** Resolves when it is in force, or was rejected. */
  publish(source: Source): Promise<void>
  /** Drains. Everything that was served is in `accessLines` afterwards. */
  stop(): Promise<void>
}

/**
 * Without a source nothing is published: the sidecar is alive and not ready. Throws for YAML that is not admitted. `wallClock`
 * is the sidecar's, in milliseconds since the epoch.
 */
export async function startTestSidecar(
  source: Source | undefined,
  settings: Partial<SidecarSettings> = {},
  wallClock: () => number = Date.now,
): Promise<TestSidecar> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'outrigger-test-'))
  if (source !== undefined) await publish(directory, filesOf(source))
  const logLines: Line[] = []
  const access = new LineLog()
  const sidecar = await startSidecar({
    settings: { ...TEST_SETTINGS, ...settings },
    version: '0.0.0-test',
    directory,
    log: createLog({
      level: settings.logLevel ?? 'info',
      service: 'sidecar',
      format: 'json',
      write: (line) => logLines.push(JSON.parse(line)),
      now: Date.now,
    }),
    output: {
      write(text, done) {
        for (const line of String(text).trimEnd().split('\n')) access.append(JSON.parse(line))
        done?.()
      },
      drained: async () => {},
    },
    wallClock,
  })
  return {
    url: urlOf(sidecar.dataPlane),
    adminUrl: urlOf(sidecar.admin),
    sidecar,
    directory,
    logLines,
    accessLines: access.lines,
    accessLine: (matches) => access.waitFor(matches),
    async publish(next) {
      await publish(directory, filesOf(next))
      await sidecar.check()
    },
    async stop() {
      await sidecar.drain()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A sidecar for this test file. Read it inside tests only: it exists from beforeAll on. `source` is called then. */
export function sidecarForTests(source: () => Source, settings: Partial<SidecarSettings> = {}): () => TestSidecar {
  let running: TestSidecar | undefined
  beforeAll(async () => {
    running = await startTestSidecar(source(), settings)
  })
  afterAll(async () => {
    await running?.stop()
  })
  return () => {
    if (running === undefined) throw new Error('The sidecar is started before the first test, not before.')
    return running
  }
}

/** Short, for a client of a test that keeps its connection would hold up the end of the test file. */
const DRAIN_MS = 500

const TEST_SETTINGS: SidecarSettings = {
  ...defaultSettings(),
  listen: { host: '127.0.0.1', port: 0 },
  admin: { host: '127.0.0.1', port: 0 },
  drainTimeout: DRAIN_MS,
}

function defaultSettings(): SidecarSettings {
  const values = Object.entries(SIDECAR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
  return Object.fromEntries(values) as SidecarSettings
}

function filesOf(source: Source): ReadonlyMap<string, string | SecretValue> {
  if (typeof source !== 'string') {
    return new Map([[CONFIG_FILE, renderDocument(source.config)], ...Object.entries(source.keys ?? {})])
  }
  const options = { allowLoopback: 'Allow', defaultNamespace: 'default' } as const
  const loaded = parseFiles([{ path: 'test.yaml', text: source }], {}, options)
  if (loaded.problems.length > 0) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return compileObjects(loaded.objects, 'default').files
}

class LineLog {
  readonly lines: Line[] = []
  #waiting: { matches: (line: Line) => boolean; resolve: (line: Line) => void }[] = []

  append(line: Line): void {
    this.lines.push(line)
    const met = this.#waiting.filter(({ matches }) => matches(line))
    this.#waiting = this.#waiting.filter((waiter) => !met.includes(waiter))
    for (const { resolve } of met) resolve(line)
  }

  waitFor(matches: (line: Line) => boolean): Promise<Line> {
    const found = this.lines.find(matches)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }))
  }
}

function urlOf({ host, port }: Address): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
