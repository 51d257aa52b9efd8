// Many small cases beside each other behind one sidecar: each has providers of its own, so that none sees another's circuits, keys or
// connections, and all of them can go at once.
import { afterAll, beforeAll } from '@jest/globals'
import type { ProviderConfig, RuleConfig, SidecarConfig } from '../../../contract/sidecar-config.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { Acceptance, Fault } from '../../support/fault-provider-fault.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import {
  backend,
  exactly,
  provider,
  RETRY,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'
import { answerOf, type Conversation, type Form } from './dialects.ts'

/** Where a connection ends up: at a server, at a closed port, or at one that does not get as far as a request. */
export type Place = 'Serving' | 'Refusing' | 'Resetting' | 'Ignoring'

export interface ProviderFault {
  /** `Serving` unless given. */
  readonly place?: Place
  fault?(conversation: Conversation, form: Form, who: string): Fault
  /** The limit that it runs into: short for this provider, while all others are long. */
  readonly waits?: 'connectMs' | 'firstByteMs' | 'idleMs'
}

export interface SceneCase {
  /** Also the model that the client names, and the first part of its providers' paths. */
  readonly id: string
  readonly conversation: Conversation
  readonly form: Form
  /** The route's bound. */
  readonly attempts: number
  /** In the order of their priorities; an empty one is healthy. */
  readonly providers: readonly ProviderFault[]
}

export interface Scene {
  readonly sidecar: TestSidecar
  /** Requests that reached this provider of the case. */
  asked(id: string, who: string): number
}

/** What the providers of a case are called, in their order. */
export const NAMES = ['first', 'second'] as const

const ACCEPTANCES: Readonly<Record<Place, Acceptance>> = {
  Serving: 'Serve',
  Refusing: 'Serve',
  Resetting: 'Reset',
  Ignoring: 'Ignore',
}

type Servers = ReadonlyMap<Place, FaultProvider>

/** For the tests of this file, or of this `describe`. Read it inside tests only. */
export function sceneForTests(cases: readonly SceneCase[]): () => Scene {
  let scene: (Scene & { stop(): Promise<void> }) | undefined
  beforeAll(async () => {
    scene = await startScene(cases)
  })
  afterAll(() => scene?.stop())
  return () => {
    if (scene === undefined) throw new Error('The scene is set before the first test, not before.')
    return scene
  }
}

async function startScene(cases: readonly SceneCase[]): Promise<Scene & { stop(): Promise<void> }> {
  const servers = await startServers(new Map(cases.map((one) => [one.id, one])))
  const sidecar = await startTestSidecar(
    { config: documentOf(cases, servers), keys: { [KEY_FILE]: 'sk-of-the-platform' } },
    // On a busy machine what trickles takes longer than the default, and a comment would begin its answer.
    { streamKeepAlive: KEEP_ALIVE_NEVER_MS },
  )
  return {
    sidecar,
    asked(id, who) {
      let count = 0
      for (const { requests } of servers.values()) {
        for (const { path } of requests) if (path.startsWith(`/${id}/${who}/`)) count++
      }
      return count
    },
    async stop() {
      await sidecar.stop()
      for (const server of servers.values()) await server.close()
    },
  }
}

async function startServers(cases: ReadonlyMap<string, SceneCase>): Promise<Servers> {
  const servers = new Map<Place, FaultProvider>()
  for (const [place, acceptance] of Object.entries(ACCEPTANCES)) {
    const respond: FaultProvider['respond'] = ({ path }) => {
      const [, id = '', who = ''] = path.split('/')
      const { providers, conversation, form } = cases.get(id) as SceneCase
      const does = providers[NAMES.indexOf(who as 'first')]
      return does?.fault?.(conversation, form, who) ?? { answer: answerOf(conversation, form, who) }
    }
    servers.set(place as Place, await FaultProvider.start({ respond, accept: () => acceptance }))
  }
  await servers.get('Refusing')?.down()
  return servers
}

const KEEP_ALIVE_NEVER_MS = 24 * 3_600_000
const KEY_FILE = 'key'
const SHORT_MS = 200
const LONG = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 60_000 }
export const NEVER_OPEN = {
  consecutiveFailures: 0,
  errorPercent: 0,
  minRequests: 1,
  windowMs: 1000,
  openForMs: 1,
  probes: 1,
}

function documentOf(cases: readonly SceneCase[], servers: Servers): SidecarConfig {
  return sidecarConfig({
    providers: cases.flatMap((one) => one.providers.map((does, at) => providerOf(one, does, at, servers))),
    routes: [routeConfig('shop/scene', cases.map(ruleOf))],
  })
}

function providerOf(
  { id, conversation }: SceneCase,
  does: ProviderFault,
  at: number,
  servers: Servers,
): ProviderConfig {
  const place = does.place ?? 'Serving'
  const protocol = place === 'Ignoring' ? 'https' : 'http'
  const origin = `${protocol}://127.0.0.1:${servers.get(place)?.port}`
  return provider(`shop/${id}-${NAMES[at]}`, conversation.type, [], {
    baseURL: `${origin}/${id}/${NAMES[at]}${conversation.basePath}`,
    credentials: [{ name: 'primary', file: KEY_FILE, weight: 1 }],
    timeouts: does.waits === undefined ? LONG : { ...LONG, [does.waits]: SHORT_MS },
    circuitBreaker: NEVER_OPEN,
    retryBudget: { percent: 100, minPerSecond: 1000 },
  })
}

function ruleOf({ id, attempts, providers }: SceneCase): RuleConfig {
  const backends = providers.map((_, at) => backend(`shop/${id}-${NAMES[at]} ${id}`, 1, at))
  const retry = { ...RETRY, attempts, backoff: { initialMs: 1, maxMs: 5 } }
  return ruleConfig(id, { matches: [exactly(id)], backends, retry })
}
