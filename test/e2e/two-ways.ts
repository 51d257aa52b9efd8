// Every official client twice: straight to the mock provider, and through a real sidecar to the same mock. What an
// application gets must be the same, but for ids, times and Outrigger's own headers.
//
// The clients behind the sidecar hold a key that the mock refuses, and the mock takes no other than the providers' and the
// direct clients': a request that arrives with the wrong one cannot succeed. After each test it is also looked for in all
// that arrived.
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI, type GoogleGenAIOptions } from '@google/genai'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import OpenAI from 'openai'
import type { Mock, MockOptions } from '../../mock/server.ts'
import type { SidecarSettings } from '../../sidecar/settings.ts'
import { mockForTests } from '../mock/with-mock.ts'
import { lendFetchDispatcher } from '../support/google-genai.ts'
import { type Source, sidecarForTests, type TestSidecar } from '../support/sidecar.ts'
import { sidecarConfig } from '../support/sidecar-config.ts'
import { comparable } from './comparable.ts'

/** What an application behind the sidecar holds. No provider may ever see it. */
export const CLIENT_KEY = 'placeholder-of-the-application'
export const DIRECT_KEY = 'key-of-the-direct-clients'
export const PROVIDER_KEY = 'sk-of-the-platform-team-0001'

export interface Clients {
  /** Without a path. */
  readonly origin: string
  readonly apiKey: string
  readonly openai: OpenAI
  readonly anthropic: Anthropic
  readonly gemini: GoogleGenAI
}

export interface TwoWays {
  readonly mock: Mock
  readonly sidecar: TestSidecar
  readonly direct: Clients
  readonly through: Clients
  /** Makes the sidecar forget which keys were refused or have to rest, and how the providers are doing. */
  afresh(): Promise<void>
}

/** SDKs do not retry unless told: a failure that a retry hides is no success. */
export function clientsOf(origin: string, apiKey: string, maxRetries = 0): Clients {
  return {
    origin,
    apiKey,
    openai: new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries }),
    anthropic: new Anthropic({ baseURL: origin, apiKey, maxRetries }),
    gemini: geminiOf(origin, apiKey),
  }
}

export function geminiOf(origin: string, apiKey: string, options: GoogleGenAIOptions = {}): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin }, ...options })
}

/** A mock, a sidecar before it and clients of both for this test file. Read them inside tests only. */
export function twoWaysForTests(
  source: (mockUrl: string) => Source = anyModel,
  settings: Partial<SidecarSettings> = {},
  mockOptions: MockOptions = {},
): () => TwoWays {
  beforeAll(lendFetchDispatcher)
  const mock = mockForTests({ keys: [DIRECT_KEY, PROVIDER_KEY], ...mockOptions })
  const sidecar = sidecarForTests(() => source(mock().url), settings)
  afterEach(() => {
    expect(JSON.stringify(mock().requests)).not.toContain(CLIENT_KEY)
    mock().clear()
  })
  return () => ({
    mock: mock(),
    sidecar: sidecar(),
    direct: clientsOf(mock().url, DIRECT_KEY),
    through: clientsOf(sidecar().url, CLIENT_KEY),
    async afresh() {
      await sidecar().publish({ config: sidecarConfig({}) })
      await sidecar().publish(source(mock().url))
    },
  })
}

/** The operation, how a client does it, and what is known of its result beyond that it is the same both ways. */
export type Row = readonly [operation: string, call: (clients: Clients) => Promise<unknown>, expected: unknown]

export function sameBothWays(ways: () => TwoWays, rows: readonly Row[]): void {
  test.each(rows)('%s', async (_, call, expected) => {
    const direct = await call(ways().direct)
    const through = await call(ways().through)
    expect({ result: through }).toMatchObject({ result: expected })
    expect(comparable(through)).toEqual(comparable(direct))
    expect(credentialsAtTheProvider(ways().mock)).toEqual(new Set([DIRECT_KEY, PROVIDER_KEY]))
  })
}

/** What is thrown, by the parts that programs branch on. Fails when nothing is. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const failure = await promise.then(
    (value) => new Error(`succeeded with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  const { name, status, code, type, message } = failure as Record<string, unknown>
  return { class: (failure as object).constructor.name, name, status, code, type, message }
}

function credentialsAtTheProvider({ requests }: Mock): Set<string> {
  const carriers = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key']
  const values = requests.flatMap(({ rawHeaders }) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && carriers.includes(rawHeaders[at - 1]?.toLowerCase() ?? '')),
  )
  return new Set(values.map((value) => value.replace(/^Bearer /, '')))
}

/** Three providers that take any model, and no route: what an application calls is what the mock is asked. */
export function anyModel(mockUrl: string): string {
  return threeProviders(mockUrl, credentialsYaml(1))
}

/**
 * The same three, asked once for each request, and with no circuit that opens: what one failure of a provider is to a client. A
 * key that is refused leaves others. `rule` is more of the rule's YAML.
 */
export function oneAttempt(mockUrl: string, rule = ''): string {
  const providers = threeProviders(
    mockUrl,
    `${credentialsYaml(KEYS_OF_A_PROVIDER)}  circuitBreaker: {consecutiveFailures: 0, errorPercent: 0}\n`,
  )
  return `${providers}---\n${routeYaml(`
  - name: all
    retry: {attempts: 1}
    backends: [{provider: {name: openai}}, {provider: {name: anthropic}}, {provider: {name: gemini}}]
${rule}`)}`
}

/** Of `oneAttempt`. */
export const KEYS_OF_A_PROVIDER = 8

function threeProviders(mockUrl: string, more: string): string {
  return [
    SECRET,
    providerYaml('openai', `type: OpenAI\n  openAI: {baseURL: ${mockUrl}/v1}`, more),
    providerYaml('anthropic', `type: Anthropic\n  anthropic: {baseURL: ${mockUrl}}`, more),
    providerYaml('gemini', `type: Gemini\n  gemini: {baseURL: ${mockUrl}}`, more),
  ].join('---\n')
}

export const SECRET = `apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {all: ${PROVIDER_KEY}}
`

/** `spec` is indented by two spaces from its second line on; `more` by two from its first, and ends its last line. */
export function providerYaml(name: string, spec: string, more = credentialsYaml(1)): string {
  return `apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: ${name}}
spec:
  ${spec}
${more}`
}

/** All have the same value, which the mock takes. */
function credentialsYaml(count: number): string {
  const names = Array.from({ length: count }, (_, i) => (i === 0 ? 'primary' : `more-${i}`))
  return `  credentials:\n${names.map((name) => `  - {name: ${name}, secretRef: {name: keys, key: all}}\n`).join('')}`
}

/** `rules` is a YAML list in flow style, or indented by two spaces from its second line on. */
export function routeYaml(rules: string): string {
  return `apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: all}
spec:
  rules: ${rules}
`
}
