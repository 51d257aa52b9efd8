// What one namespace's resources come to: the document for its sidecars, the secret values that lie beside it, and what is
// wrong with any of it. Goes in: resolved inputs. Comes out: always a whole document; a mistake takes out what depends on it,
// is named in `problems`, and leaves the rest alone.
//
// Deterministic: equal resources give equal bytes, whatever order they came in, so that an unchanged document is recognised
// by its hash and never written again. Nothing is looked up and nothing can fail; defaults, units and inheritance end here,
// and no sidecar computes them per request. Secret values do not pass through: they go from Secret to Secret, by reference.

import { createHash } from 'node:crypto'
import { CONFIG_FORMAT, type SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Problem } from '../api/problem.ts'
import type { Inputs } from '../resolve/inputs.ts'
import type { CredentialSource } from './credential-source.ts'
import { compileProvider } from './llm-provider.ts'
import { compileRoute } from './llm-route.ts'

export interface Compiled {
  config: SidecarConfig
  /** One for each file that the document names. */
  credentials: CredentialSource[]
  /** Those of the namespace's own objects, and of the providers that it may use, in the order of the document. */
  problems: Problem[]
}

export function compile({ namespace, providers: providerInputs, routes: routeInputs }: Inputs): Compiled {
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
    credentials: usable.flatMap(({ sources }) => sources),
    problems: [...providers, ...routes].flatMap(({ problems }) => problems),
  }
}

function revisionOf(document: Omit<SidecarConfig, 'format' | 'revision'>): string {
  const canonical = JSON.stringify({ format: CONFIG_FORMAT, ...document })
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16)
}
