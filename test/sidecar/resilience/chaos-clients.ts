// The applications of the chaos run: each asks, checks what it gets to the last byte, and asks again.
import http from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../support/client.ts'
import { below, pick, type Random } from '../../support/random.ts'
import { answerOf, CONVERSATIONS, type Conversation, type Form } from './dialects.ts'
import { createSdkClients, readAll, SDK_CALLS } from './sdk-clients.ts'

export interface Outcome {
  readonly id: string
  readonly conversation: Conversation
  readonly form: Form
  readonly by: 'plain' | 'SDK' | 'SDK with retries'
  /** `Lie`: something that is no whole answer of anybody passed for a success. */
  readonly kind: 'Whole' | 'FailedBeforeContent' | 'FailedBehindContent' | 'Left' | 'Lie'
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly endedAt: number
  readonly detail: string
}

export interface ClientsOptions {
  readonly url: string
  readonly count: number
  readonly random: Random
  /** Who may answer. */
  readonly providers: readonly string[]
  onOutcome(outcome: Outcome): void
}

/** Between two requests. Providers and clients share a process, which must not be what is measured. */
const THINKS_MS_MAX = 1200
const LEAVING = 0.03
const LEAVES_AFTER_MS_MAX = 300
const DETAIL_LENGTH_MAX = 300

/** Asks until it is stopped; `stop` resolves when the last request has ended. */
export function startClients(options: ClientsOptions): { stop(): Promise<void> } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  let stopped = false
  let asked = 0
  const work = async (client: number): Promise<void> => {
    const by = (['plain', 'plain', 'SDK', 'SDK with retries'] as const)[client % 4] as Outcome['by']
    await sleep(below(options.random, THINKS_MS_MAX))
    while (!stopped) {
      const id = `c${++asked}x`
      options.onOutcome(await oneRequest(id, by, options, agent))
      await sleep(below(options.random, THINKS_MS_MAX))
    }
  }
  const workers = Array.from({ length: options.count }, (_, client) => work(client))
  return {
    async stop() {
      stopped = true
      await Promise.all(workers)
      agent.destroy()
    },
  }
}

type Seen = Pick<Outcome, 'kind' | 'detail'>

async function oneRequest(id: string, by: Outcome['by'], options: ClientsOptions, agent: http.Agent): Promise<Outcome> {
  const { random } = options
  const conversation = pick(random, CONVERSATIONS)
  const form = pick(random, ['stream', 'whole'] as const)
  const controller = new AbortController()
  const leaves = random() < LEAVING
  const timer = leaves ? setTimeout(() => controller.abort(), below(random, LEAVES_AFTER_MS_MAX)) : undefined
  const startedAt = performance.now()
  const one = { id, conversation, form, by, signal: controller.signal }
  const seen = by === 'plain' ? await plainly(one, options, agent) : await bySdk(one, options)
  clearTimeout(timer)
  const kind = controller.signal.aborted ? 'Left' : seen.kind
  return { id, conversation, form, by, startedAt, endedAt: performance.now(), kind, detail: seen.detail }
}

type One = Pick<Outcome, 'id' | 'conversation' | 'form' | 'by'> & { signal: AbortSignal }

async function plainly(one: One, { url, providers }: ClientsOptions, agent: http.Agent): Promise<Seen> {
  const { id, conversation, form, signal } = one
  const request = { headers: conversation.headers, body: conversation.body(id, form), agent, signal }
  const reply = await ask(url + conversation.path(id, form), request).catch((error: Error) => error)
  if (reply instanceof Error) return { kind: 'FailedBeforeContent', detail: `no reply: ${reply.message}` }
  const { status, complete, headers } = reply
  // Sent while the first token was awaited; the SDKs of these dialects skip it.
  const body = reply.body.replaceAll(': keep-alive\n\n', '')
  const detail = `${status} ${headers['x-outrigger-reason'] ?? ''} ${body.slice(-DETAIL_LENGTH_MAX)}`
  if (status >= 400) return { kind: 'FailedBeforeContent', detail }
  if (complete && providers.some((who) => body === String(answerOf(conversation, form, who).body))) {
    return { kind: 'Whole', detail: '' }
  }
  const behindContent = body.includes('from ')
  const loud = !complete || /"error"|event: error/.test(body)
  if (!loud) return { kind: 'Lie', detail }
  return { kind: behindContent ? 'FailedBehindContent' : 'FailedBeforeContent', detail }
}

async function bySdk(one: One, { url, providers }: ClientsOptions): Promise<Seen> {
  const { id, conversation, form, by, signal } = one
  const clients = createSdkClients(url, by === 'SDK' ? 0 : undefined)
  const calls = SDK_CALLS[conversation.name]
  let begun = false
  try {
    const got = form === 'whole' ? await calls.whole(clients, id, signal) : await readAll(noted())
    const text = JSON.stringify(got)
    const whole = providers.some((who) => text.includes(form === 'whole' ? `"from ${who}"` : `"${who}"`))
    return whole ? { kind: 'Whole', detail: '' } : { kind: 'Lie', detail: text.slice(0, DETAIL_LENGTH_MAX) }
  } catch (error) {
    const { name, message } = error as Error
    const detail = `${name}: ${message.slice(0, DETAIL_LENGTH_MAX)}`
    return { kind: begun ? 'FailedBehindContent' : 'FailedBeforeContent', detail }
  }

  async function noted(): Promise<AsyncIterable<unknown>> {
    const parts = await calls.stream(clients, id, signal)
    return (async function* () {
      for await (const part of parts) {
        begun ||= JSON.stringify(part).includes('"from "')
        yield part
      }
    })()
  }
}
