// In which order the candidates of a request are asked.
//
// In: who may answer, and how they are doing at this moment. Out: the order, and what was left out of it and why. By priority
// first, then as the rule balances. A backend whose provider looks ill (circuit open, health check failed) is left out, unless too
// few would remain: then health is disregarded, because an application is served better by a provider that may be ill than by a
// refusal. One whose credentials cannot be used is left out in any case: asking would only be refused again.
// It decides for this request only, and takes nothing: slots and keys are taken when an attempt is made.
import { comparedPrice } from '../../contract/compared-price.ts'
import type { Balance } from '../../contract/sidecar-config.ts'
import type { Backend, Provider } from '../config/runtime.ts'
import { type Choice, modelAt } from './route.ts'
import { pickWeighted } from './weighted.ts'

/** Why a backend should not be asked just now. `Throttled`: it refused for its limits, without saying for how long. */
export interface Obstacle {
  readonly kind: 'CircuitOpen' | 'Unhealthy' | 'Throttled' | 'CredentialsSetAside' | 'RateLimited' | 'CredentialMissing'
  /** Monotonic milliseconds; undefined when nobody knows. */
  readonly untilMs: number | undefined
}

/** How providers are doing. */
export interface PlanView {
  obstacle(backend: Backend): Obstacle | undefined
  inFlight(provider: Provider): number
  /** A running average; 0 while it is unknown. */
  timeToFirstByteMs(provider: Provider): number
  /** In [0, 1). */
  random(): number
}

export interface Plan {
  /** In the order in which they are asked. Empty when only credentials stand in the way of all. */
  readonly backends: readonly Backend[]
  /** `Panic`: health was disregarded. */
  readonly mode: 'Healthy' | 'Panic'
  readonly leftOut: readonly LeftOut[]
}

export interface LeftOut {
  readonly backend: Backend
  readonly obstacle: Obstacle
}

const NOTHING: readonly LeftOut[] = []

export function plan(choice: Choice, view: PlanView): Plan {
  const { candidates, panicPercent } = choice
  const leftOut = obstacles(candidates, view)
  if (leftOut.length === 0) return { backends: ordered(candidates, choice, view), mode: 'Healthy', leftOut }
  const available = candidates.length - leftOut.length
  const panic = available === 0 || available * 100 < panicPercent * candidates.length
  const kept = panic ? leftOut.filter(({ obstacle }) => !isOfHealth(obstacle)) : leftOut
  const left = candidates.filter((candidate) => !kept.some(({ backend }) => backend === candidate))
  const disregarded = kept.length < leftOut.length
  return { backends: ordered(left, choice, view), mode: disregarded ? 'Panic' : 'Healthy', leftOut: kept }
}

/** What is but our own judgement of the provider, and may be disregarded. */
export function isOfHealth({ kind }: Obstacle): boolean {
  return kind === 'CircuitOpen' || kind === 'Unhealthy' || kind === 'Throttled'
}

function obstacles(candidates: readonly Backend[], view: PlanView): readonly LeftOut[] {
  let found: LeftOut[] | undefined
  for (const backend of candidates) {
    const obstacle = view.obstacle(backend)
    if (obstacle === undefined) continue
    found ??= []
    found.push({ backend, obstacle })
  }
  return found ?? NOTHING
}

/** `candidates` are sorted by priority. */
function ordered(candidates: readonly Backend[], choice: Choice, view: PlanView): readonly Backend[] {
  if (candidates.length < 2) return candidates
  const order: Backend[] = []
  for (let from = 0; from < candidates.length; ) {
    const { priority } = candidates[from] as Backend
    let to = from
    while (candidates[to]?.priority === priority) to++
    if (to - from === 1) order.push(candidates[from] as Backend)
    else order.push(...ORDERS[choice.balance](candidates.slice(from, to), view, choice.model))
    from = to
  }
  return order
}

/** Each gets a list of its own, which it may use up. */
const ORDERS: Readonly<Record<Balance, (tier: Backend[], view: PlanView, model: string | undefined) => Backend[]>> = {
  Weighted: drawn,
  LeastInFlight: (tier, view) => byCost(drawn(tier, view), (backend) => shareInFlight(backend, view)),
  Fastest: fastest,
  Cheapest: (tier, view, model) => byCost(drawn(tier, view), (backend) => priceOf(backend, model)),
}

/** One draw by weight after the other. */
function drawn(tier: Backend[], view: PlanView): Backend[] {
  const random = () => view.random()
  const order: Backend[] = []
  while (tier.length > 0) {
    const next = pickWeighted(tier, random) as Backend
    order.push(next)
    tier.splice(tier.indexOf(next), 1)
  }
  return order
}

/** The order of `tier` decides among equals. */
function byCost(tier: Backend[], cost: (backend: Backend) => number): Backend[] {
  return tier
    .map((backend) => ({ backend, cost: cost(backend) }))
    .sort((a, b) => (a.cost === b.cost ? 0 : a.cost - b.cost))
    .map(({ backend }) => backend)
}

/** As if the request were there already, so that weights count among idle ones, too. */
function shareInFlight({ provider, weight }: Backend, view: PlanView): number {
  return (view.inFlight(provider) + 1) / weight
}

/**
 * The better of two draws goes first (power of two choices): always taking the very fastest would send every sidecar of a cluster to
 * the same provider until it is the slowest. What was not measured yet counts as fast, so that it is measured.
 */
function fastest(tier: Backend[], view: PlanView): Backend[] {
  const order = drawn(tier, view)
  const cost = ({ provider }: Backend) => view.timeToFirstByteMs(provider) * (view.inFlight(provider) + 1)
  const [first, second, ...rest] = order
  if (first === undefined || second === undefined || cost(first) <= cost(second)) return order
  return [second, first, ...rest]
}

/** Whether another backend has a lower price. */
export function isDearer(backend: Backend, other: Backend, model: string | undefined): boolean {
  return priceOf(backend, model) > priceOf(other, model)
}

function priceOf(backend: Backend, model: string | undefined): number {
  return comparedPrice(model === undefined ? undefined : modelAt(backend, model)?.price)
}
