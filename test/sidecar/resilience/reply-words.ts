// What a client got, in words that a table can hold: whose answer, whole or not, and what it was told about trying again.
import { FAILURES } from '../../../sidecar/errors.ts'
import type { Reply } from '../../support/client.ts'
import { answerOf, type Conversation, type Form } from './dialects.ts'

export interface Told {
  readonly conversation: Conversation
  readonly form: Form
  /** Who may have answered. */
  readonly providers: readonly string[]
  /** The word of the providers' own errors. */
  readonly word: string
}

/** `200 answer of second`, `504 provider_idle_timeout`, `200 part of first, then provider_truncated, broken`, … */
export function replyWords(reply: Reply, told: Told): string {
  return `${reply.status} ${bodyWords(reply, told)}${reply.complete ? '' : ', broken'}`
}

/** `attempts 2; SDK: no retry; after 1 s` */
export function adviceWords({ headers }: Reply): string {
  const { 'x-should-retry': should, 'retry-after': after } = headers
  const advice = [`attempts ${headers['x-outrigger-attempts'] ?? '?'}`]
  if (should !== undefined) advice.push(should === 'false' ? 'no retry' : `retry ${should}`)
  if (after !== undefined) advice.push(`after ${after} s`)
  return advice.join('; ')
}

function bodyWords({ headers, body, status }: Reply, told: Told): string {
  const reason = headers['x-outrigger-reason']
  if (reason !== undefined) return String(reason)
  const whole = told.providers.find((who) => body.startsWith(wholeOf(who, told)))
  if (whole !== undefined) return `answer of ${whole}${endWords(body.slice(wholeOf(whole, told).length), told.word)}`
  const parts =
    told.form === 'whole' ? [] : told.providers.map((who) => ({ who, length: lengthOfPart(who, body, told) }))
  const longest = parts.toSorted((a, b) => b.length - a.length)[0]
  if (longest !== undefined && longest.length > 0) {
    const part = body.slice(0, longest.length).includes('from ') ? 'part' : 'start-up'
    return `${part} of ${longest.who}${endWords(body.slice(longest.length), told.word)}`
  }
  if (body.includes(`"${told.word}"`)) return 'its own error'
  return status >= 400 ? 'an error page' : `something else: ${body.slice(0, 300)}`
}

function wholeOf(who: string, { conversation, form }: Told): string {
  return String(answerOf(conversation, form, who).body)
}

/** How much of the body is the beginning of this provider's events. */
function lengthOfPart(who: string, body: string, { conversation }: Told): number {
  let at = 0
  for (const event of [...conversation.startUp(who), ...conversation.content(who), ...conversation.end]) {
    if (!body.startsWith(event, at)) return at
    at += event.length
  }
  return at
}

/** What came behind the provider's events. */
function endWords(rest: string, word: string): string {
  if (rest === '') return ''
  if (rest.includes(`"${word}"`)) return ', then its own error'
  const code = Object.entries(FAILURES).find(([, { message }]) => rest.includes(message))?.[0]
  return `, then ${code ?? rest.slice(0, 300)}`
}
