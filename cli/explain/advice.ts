// What somebody can do about how a request ended: a sentence per failure, per kind of failed attempt and per kind of backend that
// was passed over. Rows of tables, so that a new failure cannot be forgotten: the types ask for its sentence.
import type { RetryReason } from '../../contract/sidecar-config.ts'
import { FAILURES, type FailureCode } from '../../sidecar/errors.ts'
import type { SkipWord } from '../../sidecar/telemetry/attempt-record.ts'
import type { AccessLine, Try } from './access-line.ts'
import { limitName } from './limit-name.ts'

const SEE_PROVIDERS =
  'GET /health/providers on port 8788 of the pod shows how circuits, health checks and credentials are now.'

/** '' where the attempts say what to do. */
const AFTER_FAILURE: Readonly<Record<FailureCode, string | ((line: AccessLine) => string)>> = {
  malformed_request: 'Mend the client: what it sent is not HTTP/1.1 as RFC 9112 has it.',
  headers_too_large: 'Send fewer or shorter headers, or raise --headers-max.',
  body_too_large: 'Send less at once, or raise --body-max.',
  request_timeout: 'The client was too slow in sending: look at its network, or raise --request-timeout.',
  expectation_failed: 'Take the Expect header out of the request.',
  unsupported_encoding: 'Send the body as it is, or with gzip.',
  invalid_body: 'Mend the client: the body does not parse as its content type says.',
  missing_model: 'Name a model in the request.',
  unknown_path: 'Check the base URL of the SDK: OPENAI_BASE_URL ends in /v1, ANTHROPIC_BASE_URL does not.',
  ambiguous_provider: 'Add a rule with this operation, no models and one backend to an LLMRoute.',
  client_closed: 'The caller gave up: compare its own timeout with the time that the answer took.',
  client_stalled: 'The caller stopped reading while the answer came: look there, it may be blocked or suspended.',
  host_not_allowed: 'Ask for 127.0.0.1 or localhost, or allow the name with --allow-host.',
  origin_not_allowed: 'Web pages are refused; allow one of your own with --allow-origin.',
  model_not_found: 'Ask for a model that GET /v1/models lists, or add it to the LLMProvider or a rule.',
  dialect_mismatch: 'Use the SDK of the provider that serves this model, or another model.',
  rule_unavailable: 'kubectl describe llmroute says which reference of the rule does not resolve.',
  limit_reached: (line) =>
    `GET /limits on port 8788 of the pod shows how much is used. Spread the requests, or raise ${limitName(line)}.`,
  budget_exhausted: (line) =>
    `Wait for its next period, raise ${limitName(line)}, or have it fall back to a cheaper backend (onExhausted: Fallback).`,
  price_unknown: "Give the model a price in its LLMProvider, or set the rule's unknownPrice to AllowUnpriced.",
  provider_unreachable: '',
  provider_connect_timeout: '',
  provider_disconnected: '',
  provider_first_byte_timeout: '',
  provider_idle_timeout: '',
  provider_total_timeout: 'It took longer than timeouts.total: raise it, or ask for a shorter answer.',
  provider_truncated: '',
  provider_stream_error: '',
  provider_invalid_response: '',
  provider_error: '',
  provider_rate_limited: '',
  provider_credentials_exhausted: "Keys of the platform were refused; the caller's own key has no part in it.",
  not_configured: 'Wait for the operator, or see lastError in GET /status on port 8788 of the pod.',
  credential_unavailable: 'problems in GET /status on port 8788 of the pod says which credential cannot be read.',
  limits_unavailable:
    'See to the store of limits (--store), or have sidecars go on without it (--on-store-failure local-share or allow).',
  overloaded: 'Raise connections.max of the provider or --body-total-max, or run more pods.',
  shutting_down: 'The pod was ending: the caller should not send to it any more.',
  internal: "This is a fault of Outrigger's own: please report it, with the log of the sidecar around this time.",
}

type Sentence = (provider: string, one: Try) => string

const AFTER_ATTEMPT: Readonly<Record<RetryReason, Sentence>> = {
  ConnectFailure: (provider) =>
    `${provider} could not be reached: check its base URL, DNS, network policies and egress proxy.`,
  Timeout: (provider) =>
    `${provider} was slower than its time limits: raise timeouts of the provider or rule, or prefer another backend.`,
  RateLimited: (provider, { credential }) =>
    `${provider} limits the rate${keyText(credential)}: ask it for more, add a credential, or spread the load by weights.`,
  ServerError: (provider) => `${provider} had a fault of its own: its status page may know more.`,
  ProviderRefused: (provider, { credential, status }) =>
    `${provider} refused our key${credential === undefined ? '' : ` "${credential}"`}${status ? ` (${status})` : ''}: ` +
    'renew it in its Secret, or see to its account there.',
}

const AFTER_SKIP: Readonly<Record<SkipWord, Sentence>> = {
  CircuitOpen: (provider) => `${provider} had failed too often lately; probes find out when it is back.`,
  Unhealthy: (provider) => `${provider} fails its health checks.`,
  Throttled: (provider) => `${provider} had just limited the rate: ask it for more, or add a credential.`,
  RateLimited: (provider) => `${provider} had said to wait: ask it for a higher limit, or add a credential.`,
  CredentialsSetAside: (provider) => `${provider} refuses all its credentials: renew them in their Secret.`,
  CredentialMissing: (provider) => `${provider} has no credential that can be read: see problems in GET /status.`,
  RetryBudgetSpent: (provider) =>
    `${provider} got as many retries as its retryBudget allows: most of what it is sent fails, so mend that first.`,
  RetryAfterTooLong: (provider) =>
    `${provider} wants a longer pause than retry.backoff.max of the rule; a second backend would bridge it.`,
  LimitReached: (provider) =>
    `a limit left no room at ${provider}: raise it, or give the rule a backend with a quota of its own.`,
  BudgetExhausted: (provider) => `a budget left nothing for ${provider}: raise it, or add a cheaper backend.`,
  BudgetFallback: (provider) =>
    `a budget is used up, so it went on with the cheapest backend, as onExhausted says; raise it to ask ${provider} for longer.`,
  PriceUnknown: (provider) =>
    `${provider} has no price for this model, and cost is limited: declare models[].price, or set unknownPrice: AllowUnpriced.`,
  NoTimeLeft: () => 'timeouts.total left no time for another attempt: raise it, or shorten timeouts.firstByte.',
}

/** Of what was passed over, that which tells nothing of how a provider is. */
const OWN_SKIPS: ReadonlySet<string | undefined> = new Set<SkipWord>([
  'LimitReached',
  'BudgetExhausted',
  'BudgetFallback',
  'PriceUnknown',
  'NoTimeLeft',
])

/** What people can do, the caller's part first; empty when nothing is to be done. */
export function advice(line: AccessLine): string[] {
  const { failure, status, tries, attempts } = line
  const own = failure !== undefined && Object.hasOwn(FAILURES, failure) ? AFTER_FAILURE[failure as FailureCode] : ''
  const ownText = typeof own === 'string' ? own : own(line)
  const perTry = tries.map(sentenceOf).filter((text) => text !== '')
  const lonely = attempts > 0 && status >= 400 && isOneBackend(line)
  const see = tries.some((one) => sentenceOf(one) !== '' && !OWN_SKIPS.has(one.word)) ? SEE_PROVIDERS : ''
  const all = new Set([ownText, callerText(line), ...perTry, lonely ? SECOND_BACKEND : '', see])
  return [...all].filter((text) => text !== '')
}

const BROKEN_OFF = 'Part of the answer had been sent, so it could not be tried again: the caller has to ask again.'
const CALLER_WRONG = 'The provider says that the request is wrong; its answer, which the caller got, says in what.'
const SECOND_BACKEND =
  'Only one provider was asked: another takes a second backend in the rule, and retry.attempts above 1.'

function callerText({ failure, status, fault }: AccessLine): string {
  if (failure !== undefined) return fault === 'provider' && status < 400 ? BROKEN_OFF : ''
  return fault === 'caller' && status >= 400 ? CALLER_WRONG : ''
}

function sentenceOf(one: Try): string {
  const { outcome, reason, word, provider = 'the provider' } = one
  if (outcome === 'Skipped')
    return Object.hasOwn(AFTER_SKIP, word ?? '') ? AFTER_SKIP[word as SkipWord](provider, one) : ''
  return Object.hasOwn(AFTER_ATTEMPT, reason ?? '') ? AFTER_ATTEMPT[reason as RetryReason](provider, one) : ''
}

function isOneBackend({ tries, skippedMore, fault }: AccessLine): boolean {
  return fault === 'provider' && skippedMore === 0 && new Set(tries.map(({ provider }) => provider)).size === 1
}

function keyText(credential: string | undefined): string {
  return credential === undefined ? '' : ` of credential "${credential}"`
}
