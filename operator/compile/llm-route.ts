// One LLMRoute → its rules, with the backends that can serve.
//
// A backend whose provider or model is missing drops out and the weights of the others stand, so that one mistake does not
// change the shares of the rest. A rule with nothing left stays in its place and answers 503 with the reason: if it vanished,
// its requests would fall to a later rule, which may be a dearer model or one that the owner wanted to keep them from.

import { routeOwner } from '../../contract/limit-identity.ts'
import type {
  BodyFieldConfig,
  MatchConfig,
  RouteConfig,
  RuleConfig,
  TimeoutsConfig,
} from '../../contract/sidecar-config.ts'
import type { LLMRouteRule, LLMRouteRuleMatch, LLMRouteRuleTimeouts } from '../api/llm-route.ts'
import { type Flaw, nameList, type Problem } from '../api/problem.ts'
import type { BackendInput, RouteInput, RuleInput } from '../resolve/inputs.ts'
import { inOrder } from '../resolve/order.ts'
import { selectorConfig } from '../resolve/selector.ts'
import { BALANCE, PANIC_THRESHOLD, PRIORITY, UNKNOWN_PRICE } from './defaults.ts'
import { compileDuration } from './duration.ts'
import { compileBudgets, compileLimits } from './limit.ts'
import type { CompiledProvider } from './llm-provider.ts'
import type { BackendInUse } from './reach.ts'
import { compileRetry } from './retry.ts'
import { type RuleInUse, spendingNotices } from './spending.ts'

/** By id: every provider of the same inputs, usable or not. */
export type CompiledProviders = ReadonlyMap<string, CompiledProvider>

export interface CompiledRoute {
  config: RouteConfig
  problems: Problem[]
  warnings: Problem[]
}

export function compileRoute({ id, resource, rules }: RouteInput, providers: CompiledProviders): CompiledRoute {
  const { metadata, spec } = resource
  const flaws: Flaw[] = []
  const limits = compileLimits(spec.limits, routeOwner(id), 'spec.limits', flaws)
  const budgets = compileBudgets(spec.budgets, routeOwner(id), 'spec.budgets', flaws)
  const context = { route: id, providers, unreadable: flaws.map(nameFlaw) }
  const compiled = rules.map((rule, index) => compileRule(rule, `spec.rules[${index}]`, context))
  const spending = spendingNotices({ limits, budgets }, compiled)
  flaws.push(...compiled.flatMap((rule) => rule.flaws), ...spending.flaws)
  const object = { kind: resource.kind, namespace: metadata.namespace, name: metadata.name }
  return {
    config: {
      id,
      workloads: selectorConfig(spec.workloads),
      limits,
      budgets,
      rules: compiled.map(({ config }) => config),
    },
    problems: flaws.map((flaw) => ({ object, ...flaw })),
    warnings: spending.warnings.map((warning) => ({ object, ...warning })),
  }
}

interface RouteContext {
  /** Its id. */
  route: string
  providers: CompiledProviders
  /** What of the route's own fields cannot be read: no rule may let a request pass what they would have held. */
  unreadable: string[]
}

function compileRule(
  { rule, backends: inputs }: RuleInput,
  field: string,
  { route, providers, unreadable: above }: RouteContext,
): RuleInUse & { flaws: Flaw[] } {
  const flaws: Flaw[] = []
  const config = compileFields(rule, route, field, flaws)
  const unreadable = [...above, ...flaws.map(nameFlaw)]
  const outcomes = inputs.map((input, index) => compileBackend(input, `${field}.backends[${index}]`, providers))
  flaws.push(...outcomes.flatMap((outcome) => ('flaw' in outcome ? [outcome.flaw] : [])))
  const backends = outcomes.flatMap((outcome) => ('config' in outcome ? [outcome] : []))
  if (unreadable.length === 0 && backends.some(({ config: { weight } }) => weight > 0)) {
    return { config: { ...config, backends: backends.map((backend) => backend.config) }, field, backends, flaws }
  }
  const unavailable = [...new Set([...unreadable, ...outcomes.flatMap(whyNot)])].join('; ')
  const message = `Requests that rule "${rule.name}" matches are answered with 503. ${unavailable}`
  flaws.push({ field: `${field}.backends`, reason: 'RuleUnavailable', message })
  // What is left unread must not reach the document, and a rule without backends needs neither.
  const unused = { retry: compileRetry(undefined, '', []), timeouts: {} }
  return { config: { ...config, unavailable, ...unused }, field, backends: [], flaws }
}

function nameFlaw({ field, reason }: Flaw): string {
  return `${field}: ${reason}`
}

/** All but the backends. What cannot be read is added to `flaws`. */
function compileFields(rule: LLMRouteRule, route: string, field: string, flaws: Flaw[]): RuleConfig {
  const timeouts = compileTimeouts(rule.timeouts ?? {}, `${field}.timeouts`, flaws)
  const owner = routeOwner(route, rule.name)
  return {
    name: rule.name,
    matches: (rule.matches ?? []).map(compileMatch),
    backends: [],
    balance: rule.balance ?? BALANCE,
    retry: compileRetry(rule.retry, `${field}.retry`, flaws),
    panicPercent: rule.panicThreshold ?? PANIC_THRESHOLD,
    limits: compileLimits(rule.limits, owner, `${field}.limits`, flaws),
    budgets: compileBudgets(rule.budgets, owner, `${field}.budgets`, flaws),
    unknownPrice: rule.unknownPrice ?? UNKNOWN_PRICE,
    timeouts,
    defaults: compileBodyFields(rule.defaults),
    overrides: compileBodyFields(rule.overrides),
  }
}

/** `why` is for callers, who may belong to another team than the provider: it holds ids, model names and reasons, no more. */
type BackendOutcome = BackendInUse | { flaw: Flaw; why: string }

function compileBackend(
  { backend, id, provider }: BackendInput,
  field: string,
  providers: CompiledProviders,
): BackendOutcome {
  if ('broken' in provider) return { flaw: provider.broken, why: `${id}: ${provider.broken.reason}` }
  const compiled = providers.get(id)
  if (!compiled) throw new Error(`resolve found ${id}, but compile was not given it`)
  const { result } = compiled
  if ('unusable' in result) {
    const reasons = result.unusable.join(', ')
    const message = `LLMProvider ${id} cannot be used: ${reasons}; its own problems say what to mend`
    return { flaw: { field: `${field}.provider`, reason: 'ProviderUnusable', message }, why: `${id}: ${reasons}` }
  }
  const { models } = result.config
  const { model, weight, priority = PRIORITY } = backend
  if (model !== undefined && models.length > 0 && !models.some(({ name }) => name === model)) {
    const message = `LLMProvider ${id} has no model "${model}"; it has: ${nameList(models.map(({ name }) => name))}`
    return {
      flaw: { field: `${field}.model`, reason: 'ModelNotFound', message },
      why: `${id}: ModelNotFound (${model})`,
    }
  }
  const config = { provider: id, ...(model !== undefined && { model }), weight, priority }
  return { field, config, provider: result.config }
}

function whyNot(outcome: BackendOutcome): string[] {
  if ('why' in outcome) return [outcome.why]
  return outcome.config.weight === 0 ? [`${outcome.config.provider}: weight 0`] : []
}

function compileMatch({ models = [], headers = [], operations = [] }: LLMRouteRuleMatch): MatchConfig {
  return {
    models: models.map(({ type, value }) => ({ type, value })),
    headers: headers.map(({ name, type, value }) => ({ name: name.toLowerCase(), type, value })),
    operations,
  }
}

const TIMEOUTS = [
  ['connect', 'connectMs'],
  ['firstByte', 'firstByteMs'],
  ['idle', 'idleMs'],
  ['total', 'totalMs'],
] as const satisfies [keyof LLMRouteRuleTimeouts, keyof TimeoutsConfig][]

function compileTimeouts(timeouts: LLMRouteRuleTimeouts, field: string, flaws: Flaw[]): Partial<TimeoutsConfig> {
  const config: Partial<TimeoutsConfig> = {}
  for (const [name, nameMs] of TIMEOUTS) {
    const text = timeouts[name]
    if (text !== undefined) config[nameMs] = compileDuration(text, `${field}.${name}`, flaws)
  }
  return config
}

function compileBodyFields(fields: LLMRouteRule['defaults'] = {}): BodyFieldConfig[] {
  return Object.entries(fields)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => inOrder(a.name, b.name))
}
