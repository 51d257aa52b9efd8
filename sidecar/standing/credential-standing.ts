// How one key is doing: whether the provider takes it, and whether it has to rest.
//
// In: what the provider said of it. Out: whether it may be used for a model now, and if not, why and until when. A refusal (401, 402,
// quota) concerns the whole key; 403 and 429 only the key with that model, since permissions and limits are per model. Set aside:
// longer with each refusal, then one request may try it. Cooling down: as long as the provider said, or by a guess that doubles.
//
// Requests that were under way when a key was refused end later with the same refusal: only the first one counts. It never sees the
// key. Memory: a bounded number of models, then one entry for the rest together.
import type { BlockReport, CredentialReport } from '../telemetry/provider-report.ts'

export interface CredentialChange {
  state: 'InUse' | 'SetAside' | 'CoolingDown'
  why: string
  /** 0 for `InUse`. */
  forMs: number
  /** '' for the whole key, or for models that have no name of the configuration's. */
  model: string
}

export interface Blocked {
  readonly state: 'SetAside' | 'CoolingDown'
  /** Monotonic milliseconds. */
  readonly untilMs: number
  /** The provider named the time itself. */
  readonly told: boolean
}

/** JSON, but for what is undefined. */
export type CredentialStandingReport = Omit<CredentialReport, 'name'>

const SET_ASIDE_MS = 10_000
const SET_ASIDE_MS_MAX = 600_000
const JITTER = 0.1
const COOL_DOWN_MS = 500
const COOL_DOWN_MS_MAX = 30_000
const TOLD_MS_MAX = 3_600_000
/** While one request tries a key that was set aside, others wait so long for what comes of it. */
const TRIAL_MS = 10_000
const MODELS_MAX = 200

/** Also the reasons that metrics count by. */
const WHY = {
  Unauthorized: 'the provider does not accept the key (401)',
  PaymentRequired: 'the provider demands payment for the key (402)',
  Forbidden: 'the provider forbids the key this model (403)',
  QuotaExhausted: "the key's quota is used up",
  RateLimited: 'the provider limits the rate (429)',
}

type Reason = keyof typeof WHY

const REASONS: Readonly<Record<401 | 402 | 403, Reason>> = {
  401: 'Unauthorized',
  402: 'PaymentRequired',
  403: 'Forbidden',
}

/** Something that is, or lately was, in the way. Gone with the first success after its time. */
interface Entry extends Blocked {
  untilMs: number
  readonly reason: Reason
  /** In a row, without the requests that were under way. */
  readonly times: number
  /** Its time was over and one request is trying it, for which it is blocked a little longer. */
  onTrial: boolean
}

/** A model, or undefined for the whole key. */
type Scope = string | undefined

export class CredentialStanding {
  readonly #random: () => number
  readonly #onChange: (change: CredentialChange) => void
  #whole: Entry | undefined
  readonly #models = new Map<string, Entry>()
  /** For all models that found no place. */
  #others: Entry | undefined
  readonly #counts: Record<Reason, number> = {
    Unauthorized: 0,
    PaymentRequired: 0,
    Forbidden: 0,
    QuotaExhausted: 0,
    RateLimited: 0,
  }

  /** `random` returns [0, 1). */
  constructor(random: () => number, onChange: (change: CredentialChange) => void) {
    this.#random = random
    this.#onChange = onChange
  }

  /** Undefined: may be used. `model`: a configured name, or ''. Takes nothing. */
  blocked(model: string, nowMs: number): Blocked | undefined {
    if (this.#whole !== undefined && nowMs < this.#whole.untilMs) return this.#whole
    const entry = this.#entry(model)
    return entry !== undefined && nowMs < entry.untilMs ? entry : undefined
  }

  /** A request is sent with it. Where it was set aside and its time is over, that is the one that tries it. */
  used(model: string, nowMs: number): void {
    beginTrial(this.#whole, nowMs)
    beginTrial(this.#entry(model), nowMs)
  }

  refused(status: 401 | 402 | 403, model: string, nowMs: number): void {
    this.#setAside(status === 403 ? model : undefined, REASONS[status], nowMs)
  }

  /** The account has used up what it may, at whatever pace. */
  quotaExhausted(nowMs: number): void {
    this.#setAside(undefined, 'QuotaExhausted', nowMs)
  }

  /** `retryAfterMs` as the provider told it; undefined when it did not. */
  rateLimited(model: string, retryAfterMs: number | undefined, nowMs: number): void {
    const before = this.#entry(model)
    const rests = before !== undefined && stands(before, nowMs)
    if (rests && (before.state === 'SetAside' || retryAfterMs === undefined)) return
    const times = before?.state !== 'CoolingDown' ? 1 : before.times + (rests ? 0 : 1)
    const told = retryAfterMs !== undefined
    const forMs = told ? clamp(retryAfterMs, TOLD_MS_MAX) : clamp(COOL_DOWN_MS * 2 ** (times - 1), COOL_DOWN_MS_MAX)
    const untilMs = nowMs + forMs
    // No pause at all; or an answer to what was under way, which may name a shorter one.
    if (forMs === 0 || (rests && untilMs <= before.untilMs)) return
    this.#block(model, { state: 'CoolingDown', untilMs, told, reason: 'RateLimited', times, onTrial: false }, nowMs)
  }

  /** The provider took it. What was under way when it was set aside, or sent to rest, does not end that. */
  succeeded(model: string, nowMs: number): void {
    if (this.#whole !== undefined && !stands(this.#whole, nowMs)) {
      this.#whole = undefined
      this.#tellInUse('')
    }
    const entry = this.#entry(model)
    if (entry === undefined || stands(entry, nowMs)) return
    if (!this.#models.delete(model)) this.#others = undefined
    this.#tellInUse(model)
  }

  report(nowMs: number): CredentialStandingReport {
    const blocks: BlockReport[] = []
    const add = (entry: Entry | undefined, model: Scope): void => {
      if (entry === undefined || nowMs >= entry.untilMs) return
      const { state, reason, untilMs } = entry
      blocks.push({ state, model, leftMs: Math.ceil(untilMs - nowMs), why: WHY[reason] })
    }
    add(this.#whole, undefined)
    for (const [model, entry] of this.#models) add(entry, model)
    add(this.#others, '(others)')
    return { blocks, setAside: { ...this.#counts } }
  }

  #setAside(scope: Scope, reason: Reason, nowMs: number): void {
    const before = scope === undefined ? this.#whole : this.#entry(scope)
    const again = before?.state === 'SetAside'
    if (again && stands(before, nowMs)) return
    const times = again ? before.times + 1 : 1
    const jitter = 1 - JITTER + 2 * JITTER * this.#random()
    const untilMs = nowMs + clamp(SET_ASIDE_MS * 2 ** (times - 1), SET_ASIDE_MS_MAX) * jitter
    this.#block(scope, { state: 'SetAside', untilMs, told: false, reason, times, onTrial: false }, nowMs)
  }

  #block(scope: Scope, entry: Entry, nowMs: number): void {
    if (scope === undefined) this.#whole = entry
    else if (this.#hasPlace(scope, nowMs)) this.#models.set(scope, entry)
    else this.#others = entry
    const { state, reason, untilMs } = entry
    this.#counts[reason]++
    this.#onChange({ state, why: WHY[reason], forMs: Math.round(untilMs - nowMs), model: scope ?? '' })
  }

  #entry(model: string): Entry | undefined {
    return this.#models.get(model) ?? this.#others
  }

  #hasPlace(model: string, nowMs: number): boolean {
    if (this.#models.size < MODELS_MAX || this.#models.has(model)) return true
    for (const [other, entry] of this.#models) if (nowMs >= entry.untilMs) this.#models.delete(other)
    return this.#models.size < MODELS_MAX
  }

  #tellInUse(model: string): void {
    this.#onChange({ state: 'InUse', why: 'a request succeeded', forMs: 0, model })
  }
}

/** It keeps the key from being used, and what comes of earlier requests is no news. */
function stands({ untilMs, onTrial }: Entry, nowMs: number): boolean {
  return nowMs < untilMs && !onTrial
}

function beginTrial(entry: Entry | undefined, nowMs: number): void {
  if (entry?.state !== 'SetAside' || nowMs < entry.untilMs) return
  entry.onTrial = true
  entry.untilMs = nowMs + TRIAL_MS
}

function clamp(ms: number, max: number): number {
  return Math.min(Math.max(ms, 0), max)
}
