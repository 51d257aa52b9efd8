import { ofPrice, ofRows } from './limit-consistency.ts'
import { providerOwner, routeOwner } from './limit-identity.ts'
import { repeated, unsorted } from './list-order.ts'
import type {
  ProviderConfig,
  RetryConfig,
  RouteConfig,
  RuleConfig,
  SelectorTermConfig,
  SidecarConfig,
} from './sidecar-config.ts'

/**
 * What the shape of a document cannot say: names that are unique, names that must exist elsewhere, fields that depend on
 * each other. One `path: sentence` each, in the order of the document; empty for a consistent one.
 */
export function inconsistencies(config: SidecarConfig): string[] {
  const providers = new Map(config.providers.map((provider) => [provider.id, provider]))
  return [
    ...repeated('providers', 'id', config.providers),
    ...config.providers.flatMap((provider, index) => ofProvider(`providers[${index}]`, provider)),
    ...repeated('routes', 'id', config.routes),
    ...config.routes.flatMap((route, index) => ofRoute(`routes[${index}]`, route, providers)),
  ]
}

function ofProvider(at: string, provider: ProviderConfig): string[] {
  const problems = [
    ...repeated(`${at}.headers`, 'name', provider.headers),
    ...repeated(`${at}.credentials`, 'name', provider.credentials),
    ...repeated(`${at}.models`, 'name', provider.models),
    ...provider.models.flatMap(({ price }, index) => (price ? ofPrice(`${at}.models[${index}].price`, price) : [])),
    ...ofRows(at, { limits: provider.limits }, providerOwner(provider.id)),
  ]
  if (provider.apiVersion !== undefined && provider.type !== 'AzureOpenAI') {
    problems.push(`${at}.apiVersion: allowed for AzureOpenAI only`)
  }
  const { healthCheck } = provider
  if (healthCheck !== undefined && healthCheck.timeoutMs >= healthCheck.intervalMs) {
    problems.push(`${at}.healthCheck.timeoutMs: expected less than intervalMs`)
  }
  return problems
}

function ofRoute(at: string, route: RouteConfig, providers: Map<string, ProviderConfig>): string[] {
  return [
    ...route.workloads.matchExpressions.flatMap((term, index) =>
      ofTerm(`${at}.workloads.matchExpressions[${index}]`, term),
    ),
    ...ofRows(at, route, routeOwner(route.id)),
    ...repeated(`${at}.rules`, 'name', route.rules),
    ...route.rules.flatMap((rule, index) => [
      ...ofRule(`${at}.rules[${index}]`, rule, providers),
      ...ofRows(`${at}.rules[${index}]`, rule, routeOwner(route.id, rule.name)),
    ]),
  ]
}

function ofTerm(at: string, { operator, values }: SelectorTermConfig): string[] {
  const wantsValues = operator === 'In' || operator === 'NotIn'
  if (wantsValues === values.length > 0) return []
  return [`${at}.values: ${wantsValues ? 'required' : 'not allowed'} with ${operator}`]
}

function ofRule(at: string, rule: RuleConfig, providers: Map<string, ProviderConfig>): string[] {
  const problems = rule.backends.flatMap(({ provider: id, model }, index) => {
    const provider = providers.get(id)
    if (provider === undefined) return [`${at}.backends[${index}].provider: no provider has the id ${id}`]
    const known =
      model === undefined || provider.models.length === 0 || provider.models.some(({ name }) => name === model)
    return known ? [] : [`${at}.backends[${index}].model: ${id} has no model ${JSON.stringify(model)}`]
  })
  if (rule.backends.length > 0 && rule.backends.every(({ weight }) => weight === 0)) {
    problems.push(`${at}.backends: expected one with a weight above 0`)
  }
  if (rule.backends.length === 0 && rule.unavailable === undefined) {
    problems.push(`${at}.unavailable: missing; a rule without backends says why`)
  }
  if (rule.backends.length > 0 && rule.unavailable !== undefined) {
    problems.push(`${at}.unavailable: not allowed beside backends`)
  }
  return [
    ...problems,
    ...ofRetry(`${at}.retry`, rule.retry),
    ...repeated(`${at}.defaults`, 'name', rule.defaults),
    ...repeated(`${at}.overrides`, 'name', rule.overrides),
  ]
}

function ofRetry(at: string, { on, statuses, backoff }: RetryConfig): string[] {
  return [
    ...unsorted(`${at}.on`, on),
    ...unsorted(`${at}.statuses`, statuses),
    ...(backoff.initialMs > backoff.maxMs ? [`${at}.backoff.initialMs: expected at most maxMs`] : []),
  ]
}
