// What applications' containers get: where Outrigger is, and keys that are none. Goes in: a container as it is in the pod.
// Comes out: the variables that it lacks. SDKs read them, so most applications need no change.
//
// Nothing that the container sets itself is touched. What its `envFrom` sets cannot be seen here, and `env` would win over it:
// so such a container gets no placeholder for a key that may be there. It does get the base URLs, because that is what the
// label asks for; an application that wants another one sets it in `env`.
import { DATA_PLANE_PORT } from '../../contract/names.ts'
import { type RawObject, recordsAt, textAt } from './raw-object.ts'
import type { EnvironmentVariable } from './settings.ts'

const ORIGIN = `http://127.0.0.1:${DATA_PLANE_PORT}`

const BASE_URLS: readonly EnvironmentVariable[] = [
  { name: 'OPENAI_BASE_URL', value: `${ORIGIN}/v1` },
  { name: 'ANTHROPIC_BASE_URL', value: ORIGIN },
  { name: 'GOOGLE_GEMINI_BASE_URL', value: ORIGIN },
]

/** Most SDKs refuse to start without a key. This one goes no further than the sidecar, and says in a log what it is. */
export const PLACEHOLDER_KEY = 'kept-by-outrigger'

/** By variable: others that hold a key for the same SDK, so that none is missing where one of them is set. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  OPENAI_API_KEY: [],
  ANTHROPIC_API_KEY: ['ANTHROPIC_AUTH_TOKEN'],
  GEMINI_API_KEY: ['GOOGLE_API_KEY'],
}

export function missingVariables(container: RawObject): EnvironmentVariable[] {
  const set = variableNames(container)
  const keys = recordsAt(container, 'envFrom').length > 0 ? [] : missingKeys(set)
  return [...BASE_URLS.filter(({ name }) => !set.has(name)), ...keys]
}

export function variableNames(container: RawObject): ReadonlySet<string> {
  return new Set(recordsAt(container, 'env').map((variable) => textAt(variable, 'name') ?? ''))
}

function missingKeys(set: ReadonlySet<string>): EnvironmentVariable[] {
  return Object.entries(KEYS)
    .filter(([name, others]) => ![name, ...others].some((each) => set.has(each)))
    .map(([name]) => ({ name, value: PLACEHOLDER_KEY }))
}
