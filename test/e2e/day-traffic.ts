// The day's requests: drawn from a seed, and sent as applications would. Each is known beforehand by how it should end.
import type http from 'node:http'
import type { Asked, BehaviourName } from '../../mock/behaviours.ts'
import { ask } from '../support/client.ts'
import { below, pick, type Random } from '../support/random.ts'
import type { ModelName } from './day-document.ts'
import { OPERATIONS, type OperationName, type Question } from './day-operations.ts'
import type { Clients } from './two-ways.ts'

/**
 * `Whole`: the client gets all of it, though perhaps not from the first who was asked. The others have content when they break off:
 * because the client leaves, or because the provider cuts the stream or ends it with an error.
 */
export type Ending = 'Whole' | 'ClientLeaves' | 'StreamCut' | 'StreamFails'

export interface Plan extends Question {
  readonly operation: OperationName
  readonly model: ModelName
  readonly by: 'Sdk' | 'Raw'
  readonly ending: Ending
  /** Asked of whichever mock answers. */
  readonly behaviours: Asked
}

/** `Refused`: by the limit of `guarded`. */
export type Outcome = Ending | 'Refused' | 'Failed'

/** The fifth word of the mock's vocabulary: there was content, and more is to come. */
const LATE_WORD = 'canoe'
/** Content of every operation: at most eight start a stream, and five words. */
const EVENTS_BEFORE_END = 13
const WORDS_OF_BROKEN = 24
const WORDS_MAX = 60
const TEXT_WORDS_MAX = 160
const TEXT_WORDS = ['where', 'does', 'the', 'float', 'go', 'ünten', '日本', 'weather', '"quoted"', 'line\n']

/** Whose streams may break off after content. */
export const BREAKING: readonly ModelName[] = ['small', 'large']

/** What can be drawn, as often as it stands here; a `frail-error` that streams needs events before content. */
const TRAFFIC: readonly (readonly [OperationName, readonly ModelName[]])[] = [
  ['chat', ['small', 'large', 'thinker', 'frail-500', 'frail-error', 'frail-cut', 'guarded', 'unpriced', 'silent']],
  ['chat', ['small', 'large']],
  ['completions', ['small', 'large', 'frail-500', 'silent']],
  ['responses', ['small', 'large', 'thinker', 'frail-500', 'frail-error', 'frail-cut']],
  ['embeddings', ['small', 'large', 'frail-500', 'frail-cut', 'guarded']],
  ['messages', ['small', 'large', 'thinker', 'frail-500', 'frail-error', 'frail-cut', 'guarded', 'unpriced']],
  ['messages', ['small', 'large']],
  ['gemini', ['small', 'large', 'thinker', 'frail-500', 'frail-cut', 'guarded', 'unpriced']],
  ['gemini', ['small', 'large']],
]

const ENDINGS: readonly Ending[] = ['Whole', 'Whole', 'Whole', 'Whole', 'ClientLeaves', 'StreamCut', 'StreamFails']

export function drawPlan(random: Random): Plan {
  const [operation, models] = pick(random, TRAFFIC)
  const model = pick(random, models)
  const silent = model === 'silent'
  const stream = silent || (operation !== 'embeddings' && random() < 0.6)
  const tools = random() < 0.3
  const ending = stream && BREAKING.includes(model) ? pick(random, ENDINGS) : 'Whole'
  return {
    operation,
    model,
    stream,
    ending,
    by: random() < 0.5 ? 'Sdk' : 'Raw',
    text: drawText(random),
    includeUsage: random() < 0.5 && !silent,
    tools: ending === 'Whole' && tools,
    maxTokens: ending === 'Whole' ? 1 + below(random, 100) : 1000,
    choices: operation === 'chat' && ending === 'Whole' && random() < 0.1 ? 2 : 1,
    behaviours: ending === 'Whole' ? drawWhole(random, model, tools) : BROKEN[ending],
  }
}

function drawText(random: Random): string {
  return Array.from({ length: 1 + below(random, TEXT_WORDS_MAX) }, () => pick(random, TEXT_WORDS)).join(' ')
}

/** The frail have plain usage, since of what fails before content only input and output are logged. */
function drawWhole(random: Random, model: ModelName, tools: boolean): Asked {
  if (model.startsWith('frail')) return {}
  return {
    ...(random() < 0.7 && { words: String(below(random, WORDS_MAX)) }),
    ...(random() < 0.4 && { cached: pick(random, ['', '7', '150']) }),
    ...(random() < 0.3 && { 'cache-write': String(below(random, 40)) }),
    ...(tools && { tools: pick(random, ['', 'parallel']) }),
    ...(model === 'thinker' && { reasoning: String(below(random, 200)) }),
    ...(random() < 0.1 && { 'chunk-size': String(50 + below(random, 100)) }),
    ...(random() < 0.1 && { gzip: '' }),
  }
}

const WORDS = { words: String(WORDS_OF_BROKEN) } as const

const BROKEN: Readonly<Record<Exclude<Ending, 'Whole'>, Asked>> = {
  ClientLeaves: { ...WORDS, stall: String(EVENTS_BEFORE_END), cached: '5' },
  StreamCut: { ...WORDS, 'cut-after-events': String(EVENTS_BEFORE_END), 'cache-write': '3' },
  StreamFails: { ...WORDS, 'error-in-stream': `after-${EVENTS_BEFORE_END}` },
}

/** Resolves when the client is done with it, whatever it got. */
export async function sendPlan(plan: Plan, clients: Clients, agent: http.Agent): Promise<Outcome> {
  const leaving = new AbortController()
  const see = (part: string): void => {
    if (plan.ending === 'ClientLeaves' && part.includes(LATE_WORD)) leaving.abort()
  }
  const outcome =
    plan.by === 'Raw' ? sendRaw(plan, clients, { agent, leaving, see }) : sendSdk(plan, clients, leaving, see)
  const ended = await outcome
  return leaving.signal.aborted ? 'ClientLeaves' : ended
}

/** Some answers say that there was none. */
const AN_ERROR = /"error": ?\{|event: error/

interface RawClient {
  agent: http.Agent
  leaving: AbortController
  see(part: string): void
}

async function sendRaw(plan: Plan, { origin }: Clients, { agent, leaving, see }: RawClient): Promise<Outcome> {
  const { path, headers, body } = OPERATIONS[plan.operation].raw(plan)
  const options = {
    headers: { ...headers, ...behaviourHeaders(plan) },
    body,
    agent,
    onBody: see,
    signal: leaving.signal,
  }
  const reply = await ask(origin + path, options).catch((error: unknown) => {
    if (leaving.signal.aborted) return undefined
    throw error
  })
  if (reply === undefined) return 'ClientLeaves'
  if (reply.status === 429) return 'Refused'
  return reply.status === 200 && reply.complete && !AN_ERROR.test(reply.body) ? 'Whole' : 'Failed'
}

async function sendSdk(
  plan: Plan,
  clients: Clients,
  { signal }: AbortController,
  see: (part: string) => void,
): Promise<Outcome> {
  const options = { headers: behaviourHeaders(plan), signal }
  try {
    const answer = await OPERATIONS[plan.operation].sdk(clients, plan, options)
    if (!plan.stream) return 'Whole'
    for await (const part of answer as AsyncIterable<unknown>) see(JSON.stringify(part))
    return 'Whole'
  } catch (error) {
    return (error as { status?: unknown }).status === 429 ? 'Refused' : 'Failed'
  }
}

function behaviourHeaders({ behaviours }: Plan): Record<string, string> {
  const names = Object.keys(behaviours) as BehaviourName[]
  return Object.fromEntries(names.map((name) => [`x-mock-${name}`, behaviours[name] ?? '']))
}
