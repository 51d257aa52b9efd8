// `outrigger run` without a file: the quick-start example. A provider whose key is in the environment is the real one; the
// others are played by the embedded mock.
import type { LLMProvider } from '../operator/api/llm-provider.ts'
import { type LoadResult, parseFiles } from './files/parse.ts'
import type { Environment } from './flags.ts'
import { QUICK_START_YAML } from './quick-start-yaml.ts'

/** The variable that makes each provider of the example real. */
const KEYS: Readonly<Record<string, string>> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  gemini: 'GEMINI_API_KEY',
}

export interface QuickStart {
  loaded: LoadResult
  /** Names of the providers that the mock plays. */
  mocked: readonly string[]
  /** Names of the others. */
  real: readonly string[]
}

/** `mockURL` is the mock's base URL without a path. */
export function quickStart(env: Environment, namespace: string, mockURL: string): QuickStart {
  const mocked = Object.keys(KEYS).filter((name) => !env[KEYS[name] as string])
  const placeholders = Object.fromEntries(mocked.map((name) => [KEYS[name], 'mock-key']))
  const files = [{ path: 'quick-start.yaml', text: QUICK_START_YAML }]
  const options = { allowLoopback: 'Allow', defaultNamespace: namespace } as const
  const loaded = parseFiles(files, { ...env, ...placeholders }, options)
  for (const provider of loaded.objects.providers) {
    if (mocked.includes(provider.metadata.name)) pointAt(provider, mockURL)
  }
  return { loaded, mocked, real: Object.keys(KEYS).filter((name) => !mocked.includes(name)) }
}

function pointAt({ spec }: LLMProvider, mockURL: string): void {
  if (spec.openAI !== undefined) spec.openAI.baseURL = `${mockURL}/v1`
  if (spec.anthropic !== undefined) spec.anthropic.baseURL = mockURL
  if (spec.gemini !== undefined) spec.gemini.baseURL = mockURL
}
