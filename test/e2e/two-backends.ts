// Two providers of each dialect behind one rule, the second for when the first one fails, and the official clients before
// them. The second one answers in other words than the first, so that it shows from whom an answer is.
import { afterEach, beforeEach } from '@jest/globals'
import type { Mock } from '../../mock/server.ts'
import type { SidecarSettings } from '../../sidecar/settings.ts'
import { mockForTests } from '../mock/with-mock.ts'
import type { Line, TestSidecar } from '../support/sidecar.ts'
import { type WireTap, wireTapForTests } from '../support/wire-tap.ts'
import {
  CLIENT_KEY,
  type Clients,
  clientsOf,
  DIRECT_KEY,
  PROVIDER_KEY,
  providerYaml,
  routeYaml,
  SECRET,
  twoWaysForTests,
} from './two-ways.ts'

/** How many words the second one answers with; the first one repeats what it was asked. */
const WORDS = '9'

/** Nobody listens there. */
export const REFUSED = 'http://127.0.0.1:1'

export interface TwoBackends {
  readonly first: Mock
  readonly second: Mock
  readonly sidecar: TestSidecar
  /** Between the sidecar and its clients. */
  readonly tap: WireTap
  readonly through: Clients
  /** Straight to the second one. */
  readonly direct: Clients
}

export interface TwoBackendsOptions {
  /** Where the first one is thought to be; where it is unless told otherwise. */
  firstUrl?: () => string
  settings?: Partial<SidecarSettings>
}

/** Before each test nothing is known of either. Read them inside tests only. */
export function twoBackendsForTests({ firstUrl, settings = {} }: TwoBackendsOptions = {}): () => TwoBackends {
  const second = mockForTests({ keys: [DIRECT_KEY, PROVIDER_KEY], always: { words: WORDS } })
  const ways = twoWaysForTests((mockUrl) => twoBackends(firstUrl?.() ?? mockUrl, second().url), settings)
  const tap = wireTapForTests(() => ways().sidecar.url)
  beforeEach(() => ways().afresh())
  afterEach(() => {
    second().clear()
    tap().take()
  })
  return () => ({
    first: ways().mock,
    second: second(),
    sidecar: ways().sidecar,
    tap: tap(),
    through: clientsOf(tap().url, CLIENT_KEY),
    direct: clientsOf(second().url, DIRECT_KEY),
  })
}

const DIALECTS = ['openai', 'anthropic', 'gemini']

function twoBackends(firstUrl: string, secondUrl: string): string {
  const providers = [
    ['first', firstUrl],
    ['second', secondUrl],
  ].flatMap(([name, url]) => [
    providerYaml(`openai-${name}`, `type: OpenAI\n  openAI: {baseURL: ${url}/v1}`),
    providerYaml(`anthropic-${name}`, `type: Anthropic\n  anthropic: {baseURL: ${url}}`),
    providerYaml(`gemini-${name}`, `type: Gemini\n  gemini: {baseURL: ${url}}`),
  ])
  const backends = DIALECTS.flatMap((dialect) => [
    `    - {provider: {name: ${dialect}-first}}\n`,
    `    - {provider: {name: ${dialect}-second}, priority: 1}\n`,
  ])
  return [
    SECRET,
    ...providers,
    routeYaml(`\n  - name: all\n    retry: {backoff: {initial: 10ms}}\n    backends:\n${backends.join('')}`),
  ].join('---\n')
}

/** What the access log says of the request whose answer has just passed the tap. */
export async function lineOf({ sidecar }: TwoBackends, wire: string): Promise<Line> {
  const id = /^x-outrigger-request-id: (\S+)/im.exec(wire)?.[1]
  if (id === undefined) throw new Error(`there is no request id in ${JSON.stringify(wire)}`)
  return sidecar.accessLine(({ requestId }) => requestId === id)
}
