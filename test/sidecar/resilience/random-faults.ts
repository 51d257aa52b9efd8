// Scripts for providers, drawn at random: good answers, errors, and everything between.
import { below, pick, type Random } from '../../support/random.ts'
import { answerOf, type Conversation, type Form, JSON_TYPE, SSE_TYPE } from './dialects.ts'
import type { Step } from './scripted-upstream.ts'

/** Draws the script of one request at one provider. */
export function randomScript(random: Random, conversation: Conversation, form: Form, who: string): readonly Step[] {
  const draw = random()
  if (draw < 0.2) return [...pauses(random), { kind: 'Error', code: pick(random, BEFORE_THE_HEAD) }]
  const body = draw < 0.45 ? undefined : bodyOf(random, conversation, form, who)
  return body === undefined ? errorAnswer(random, conversation) : played(random, { status: 200, ...body })
}

const BEFORE_THE_HEAD = [
  'provider_unreachable',
  'provider_connect_timeout',
  'provider_disconnected',
  'provider_first_byte_timeout',
  'provider_truncated',
  'provider_invalid_response',
  'provider_total_timeout',
  'overloaded',
] as const

const WITHIN_THE_BODY = ['provider_truncated', 'provider_idle_timeout', 'provider_total_timeout'] as const

interface Body {
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

const STATUSES = [400, 401, 402, 403, 404, 408, 409, 422, 429, 429, 500, 502, 503, 529]
/** The longest is more than any route of these tests waits. */
const RETRY_AFTERS = [{}, {}, { 'retry-after-ms': '1' }, { 'retry-after': '0' }, { 'retry-after': '3600' }]
const WORDS = ['overloaded_error', 'rate_limit_error', 'invalid_request_error', 'authentication_error', 'api_error']

function errorAnswer(random: Random, conversation: Conversation): readonly Step[] {
  const status = pick(random, STATUSES)
  const text = random() < 0.8 ? conversation.errorBody(pick(random, WORDS), status) : '<html>No.</html>'
  return played(random, { status, text, headers: { ...JSON_TYPE, ...pick(random, RETRY_AFTERS) } })
}

/** A proper answer in most cases, else one with an error of its own inside it. */
function bodyOf(random: Random, conversation: Conversation, form: Form, who: string): Body {
  const whole = answerOf(conversation, form, who)
  if (random() < 0.7) return { text: String(whole.body), headers: whole.headers }
  const word = pick(random, WORDS)
  if (form === 'whole') return { text: conversation.errorBody(word, 500), headers: JSON_TYPE }
  const before = [...conversation.startUp(who), ...conversation.content(who)]
  const events = [...before.slice(0, below(random, before.length + 1)), conversation.errorEvent(word, 500)]
  return { text: events.join(''), headers: SSE_TYPE }
}

/** The answer to its end, or cut anywhere, by a clean end or by an error. */
function played(random: Random, { status, text, headers }: Body & { status: number }): readonly Step[] {
  const bytes = Buffer.from(text)
  const whole = random() < 0.6
  const sent = whole ? bytes : bytes.subarray(0, below(random, bytes.length))
  const end: Step = whole || random() < 0.3 ? { kind: 'End' } : { kind: 'Error', code: pick(random, WITHIN_THE_BODY) }
  const flat = Object.entries(headers).flat()
  return [...pauses(random), { kind: 'Head', status, headers: flat }, ...pieces(random, sent), ...pauses(random), end]
}

function pieces(random: Random, bytes: Buffer): Step[] {
  const steps: Step[] = []
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + 1 + below(random, bytes.length))
    steps.push(...pauses(random), { kind: 'Body', bytes: bytes.subarray(at, next) })
    at = next
  }
  return steps
}

function pauses(random: Random): Step[] {
  return Array.from({ length: below(random, 3) }, () => ({ kind: 'Pause' as const }))
}
