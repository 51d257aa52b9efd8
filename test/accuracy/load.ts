// Applications that want more than their limits leave them: bursts, and then twice the limit for as long as it lasts. One in two asks
// for a stream, one in five leaves in the middle of one; where open requests are limited all are streams.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { below, type Random } from '../support/random.ts'
import { SENT_HEADER, wallClock } from './fleet.ts'
import { type Kind, PROMPT } from './kinds.ts'

export interface Load {
  readonly kind: Kind
  /** Where it goes by turns; one alone is one-sided load. */
  readonly urls: readonly string[]
  readonly random: Random
  readonly dispatcher: Dispatcher
  readonly onOutcome: (outcome: Outcome) => void
}

/** `Admitted`: answered, or left by this client when the answer had begun. Else what the answer was instead. */
export type Outcome = 'Admitted' | 'Refused' | `status ${number}` | `failed: ${string}`

const TURN_MS = 10
const STREAM_PART = 0.5
const LEAVING_PART = 0.2
const LEAVES_AFTER_PIECES = 4
const WORDS_MIN = 8
const WORDS_MAX = 24
/** Between two words, so that answers last 0.16 s, and where open ones are what is limited, 3 s. */
const WORD_MS = 10
const LONG_WORD_MS = 180
/** After a refusal, on average, where as many clients as twice the limit keep asking. */
const ASKS_AGAIN_MS = 250

/** So many, evenly over the time. Resolves when all are answered. */
export async function playRate(load: Load, count: number, durationMs: number): Promise<void> {
  const beganMs = wallClock()
  const all: Promise<unknown>[] = []
  for (let passedMs = 0; passedMs < durationMs; passedMs = wallClock() - beganMs) {
    const due = Math.min(count, (count * (passedMs + TURN_MS)) / durationMs)
    while (all.length < due) all.push(askOnce(load, all.length))
    await sleep(TURN_MS)
  }
  await Promise.all(all)
}

/** So many clients at once, each of which asks until the time is over. */
export async function playClients(load: Load, count: number, durationMs: number): Promise<void> {
  const endsMs = wallClock() + durationMs
  const client = async (_: unknown, index: number): Promise<void> => {
    await sleep((ASKS_AGAIN_MS * index) / count)
    while (wallClock() < endsMs) {
      // At random, so that they do not fall into step.
      if ((await askOnce(load, index)) === 'Refused') await sleep(2 * ASKS_AGAIN_MS * load.random())
    }
  }
  await Promise.all(Array.from({ length: count }, client))
}

async function askOnce(load: Load, index: number): Promise<Outcome> {
  const outcome = await ask(load, index).catch((error: Error): Outcome => `failed: ${error.message}`)
  load.onOutcome(outcome)
  return outcome
}

async function ask(load: Load, index: number): Promise<Outcome> {
  const { headers, body, leavesAfter } = question(load)
  const origin = load.urls[index % load.urls.length] as string
  const answer = await load.dispatcher.request({ origin, path: '/v1/chat/completions', method: 'POST', headers, body })
  const isAdmitted = answer.statusCode === 200
  let pieces = 0
  // Leaving the loop closes the connection.
  for await (const _ of answer.body) if (++pieces >= leavesAfter && isAdmitted) break
  if (isAdmitted) return 'Admitted'
  return answer.statusCode === 429 ? 'Refused' : `status ${answer.statusCode}`
}

function question({ kind, random }: Load) {
  // The mock delays errors as it delays documents: what is open would be open at a provider that only fails.
  const streamPart = kind === 'Concurrency' ? 1 : STREAM_PART
  const stream = random() < streamPart
  const words = WORDS_MIN + below(random, WORDS_MAX - WORDS_MIN + 1)
  const wordMs = kind === 'Concurrency' ? LONG_WORD_MS : WORD_MS
  const body = JSON.stringify({ model: kind, stream, max_tokens: 64, messages: [{ role: 'user', content: PROMPT }] })
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'x-mock-words': String(words),
      ...(stream ? { 'x-mock-chunk-delay': String(wordMs) } : { 'x-mock-head-delay': String(words * wordMs) }),
      [SENT_HEADER]: String(wallClock()),
    },
    leavesAfter: stream && random() < LEAVING_PART / streamPart ? LEAVES_AFTER_PIECES : Number.POSITIVE_INFINITY,
  }
}
