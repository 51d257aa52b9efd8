// What one namespace's resources come to: the document for its sidecars, the secret values that lie beside it, and what is
// wrong with any of it. Goes in: resolved inputs. Comes out: always a whole document; a mistake takes out what depends on it,
// is named in `problems`, and leaves the rest alone.
//
// Deterministic: equal resources give equal bytes, whatever order they came in, so that an unchanged document is recognised
// by its hash and never written again. Nothing is looked up and nothing can fail; defaults, units and inheritance end here,
// and no sidecar computes them per request. Secret values do not pass through: they go from Secret to Secret, by reference.

import { createHash } from 'node:crypto'
import { STORE_CA_FILE, STORE_CERTIFICATE_FILE, STORE_KEY_FILE, STORE_URL_FILE } from '../../contract/names.ts'
import { CONFIG_FORMAT, type SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Problem } from '../api/problem.ts'
import type { Inputs, StoreInput } from '../resolve/inputs.ts'
import type { CredentialSource } from './credential-source.ts'
import { compileProvider } from './llm-provider.ts'
import { compileRoute } from './llm-route.ts'

/** Where sidecars look for what they get of the store. */
const STORE_FILES: readonly (readonly [part: keyof StoreInput, file: string])[] = [
  ['url', STORE_URL_FILE],
  ['ca', STORE_CA_FILE],
  ['certificate', STORE_CERTIFICATE_FILE],
  ['key', STORE_KEY_FILE],
]

export interface Compiled {
  config: SidecarConfig
  /** One for each file that the document names; and those of the store, which sidecars are told of by a setting. */
  credentials: CredentialSource[]
  /** Those of the namespace's own objects, and of the providers that it may use, in the order of the document. */
  problems: Problem[]
  /** Of the same objects: what is served, but perhaps not as its owner believes. */
  warnings: Problem[]
}

export function compile({ namespace, providers: providerInputs, routes: routeInputs, store }: Inputs): Compiled {
  const providers = providerInputs.map(compileProvider)
  const byId = new Map(providers.map((provider) => [provider.id, provider]))
  const routes = routeInputs.map((route) => compileRoute(route, byId))
  const usable = providers.flatMap(({ result }) => ('config' in result ? [result] : []))
  const document = {
    namespace,
    providers: usable.map(({ config }) => config),
    routes: routes.map(({ config }) => config),
  }
  return {
    config: { format: CONFIG_FORMAT, revision: revisionOf(document), ...document },
    credentials: [...usable.flatMap(({ sources }) => sources), ...storeSources(store)],
    problems: [...providers, ...routes].flatMap(({ problems }) => problems),
    warnings: [...providers, ...routes].flatMap(({ warnings }) => warnings),
  }
}

function storeSources(store: Partial<StoreInput> = {}): CredentialSource[] {
  return STORE_FILES.flatMap(([part, file]) => {
    const secret = store[part]
    return secret === undefined ? [] : [{ file, secret }]
  })
}

function revisionOf(document: Omit<SidecarConfig, 'format' | 'revision'>): string {
  const canonical = JSON.stringify({ format: CONFIG_FORMAT, ...document })
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16)
}
