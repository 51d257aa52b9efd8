// Requests that are abandoned in each phase of their life, and what must be left of them: nothing.
//
// Each phase has a provider of its own behind one port, which holds its requests in that phase; the client knows that it is
// reached by what the provider has seen, or by what it got itself, and leaves a little later.
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'
import { ask, askJson } from '../../support/client.ts'
import { FaultProvider, type SeenRequest } from '../../support/fault-provider.ts'
import type { Fault, Until } from '../../support/fault-provider-fault.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { answerOf, CONVERSATIONS, type Conversation, type Form, JSON_TYPE } from './dialects.ts'

/** `Queued`: behind the only connection. `Connecting`: in a TLS handshake. `HeldBack`: start-up events, or half a document. */
export const PHASES = ['Queued', 'Connecting', 'Waiting', 'HeldBack', 'Streaming', 'BackOff'] as const
export type Phase = (typeof PHASES)[number]

export interface Aborted {
  readonly phase: Phase
  /** From the client's abort until the provider saw it; undefined where no request of it is under way. */
  readonly seenAfterMs: number | undefined
  /** Requests that the provider saw after the abort. */
  readonly askedLater: number
}

export interface AbortSite {
  readonly config: SidecarConfig
  /** Holds the only connection of the phase `Queued`, which there must be requests to wait behind. */
  occupy(url: string): Promise<() => Promise<void>>
  /** One request that is abandoned in that phase, `waitMs` after it was reached. */
  abort(url: string, phase: Phase, waitMs: number): Promise<Aborted>
  readonly open: number
  close(): Promise<void>
}

const NEVER_OPEN = { consecutiveFailures: 0, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }
const LONG_MS = 3_600_000
const TIMEOUTS = { connectMs: LONG_MS, firstByteMs: LONG_MS, idleMs: LONG_MS, totalMs: LONG_MS }

export async function startAbortSite(): Promise<AbortSite> {
  const serving = await FaultProvider.start({ respond: faultFor })
  const ignoring = await FaultProvider.start({ respond: faultFor, accept: () => 'Ignore' })
  let count = 0
  return {
    config: configOf(serving, ignoring),
    get open() {
      return serving.open + ignoring.open
    },
    async occupy(url) {
      const controller = new AbortController()
      const done = ask(url + CHAT.path('', 'whole'), {
        ...requestOf(CHAT, 'Queued-0', 'whole'),
        signal: controller.signal,
      })
      done.catch(() => {})
      await serving.waitFor(({ body }) => body.includes('"Queued-0"'))
      return async () => {
        controller.abort()
        await done.catch(() => {})
      }
    },
    abort: (url, phase, waitMs) => abortOne(url, { phase, waitMs, model: `${phase}-${++count}`, count, serving }),
    async close() {
      await serving.close()
      await ignoring.close()
    },
  }
}

const CHAT = CONVERSATIONS[0] as Conversation

interface One {
  phase: Phase
  waitMs: number
  model: string
  count: number
  serving: FaultProvider
}

async function abortOne(url: string, { phase, waitMs, model, count, serving }: One): Promise<Aborted> {
  const conversation = phase === 'Queued' ? CHAT : (CONVERSATIONS[count % CONVERSATIONS.length] as Conversation)
  const form: Form = phase === 'Streaming' || (phase === 'HeldBack' && count % 3 > 0) ? 'stream' : 'whole'
  const controller = new AbortController()
  const begun = Promise.withResolvers<void>()
  const request = { ...requestOf(conversation, model, form), signal: controller.signal, onBody: () => begun.resolve() }
  const done = ask(url + conversation.path(model, form), request).catch(() => undefined)
  const isOurs = ({ path, body }: SeenRequest): boolean =>
    `${path} ${body}`.includes(`${model}"`) || path.includes(`${model}:`)
  const reaches = phase !== 'Queued' && phase !== 'Connecting'
  if (reaches) await serving.waitFor(isOurs)
  if (phase === 'Streaming') await begun.promise
  await sleep(waitMs)

  const abortedAt = performance.now()
  const askedBefore = serving.requests.filter(isOurs).length
  controller.abort()
  await done
  const seen =
    reaches && phase !== 'BackOff'
      ? await serving.waitFor((one) => isOurs(one) && one.abortedAt !== undefined)
      : undefined
  const askedLater = serving.requests.filter(isOurs).length - askedBefore
  // Kept no longer, or thousands of requests would be searched for each of thousands.
  for (const one of serving.requests.filter(isOurs)) serving.requests.splice(serving.requests.indexOf(one), 1)
  return { phase, seenAfterMs: seen?.abortedAt === undefined ? undefined : seen.abortedAt - abortedAt, askedLater }
}

function requestOf(conversation: Conversation, model: string, form: Form) {
  return { headers: conversation.headers, body: conversation.body(model, form) }
}

function faultFor({ path, body }: SeenRequest): Fault {
  const conversation = CONVERSATIONS.find(({ name }) => path.includes(`/${name}/`)) as Conversation
  const form: Form = /stream(?!":false)/.test(`${path} ${body}`) ? 'stream' : 'whole'
  const answer = answerOf(conversation, form, 'first')
  const phase = PHASES.find((name) => path.startsWith(`/${name}/`)) as Phase
  if (phase === 'BackOff') return { answer: { ...answer, status: 503, headers: JSON_TYPE } }
  if (phase === 'HeldBack') return { answer, until: heldBack(conversation, form), end: 'Stall' }
  if (phase === 'Streaming') return { answer, until: behindContent(conversation), end: 'Stall' }
  return { answer, until: 'BeforeHead', end: 'Stall' }
}

function heldBack(conversation: Conversation, form: Form): Until {
  return form === 'whole' ? 'MidBody' : { bodyBytes: conversation.startUp('first').join('').length }
}

function behindContent(conversation: Conversation): Until {
  return { bodyBytes: [...conversation.startUp('first'), ...conversation.content('first')].join('').length }
}

function configOf(serving: FaultProvider, ignoring: FaultProvider): SidecarConfig {
  const all = PHASES.flatMap((phase) => CONVERSATIONS.map((conversation) => ({ phase, conversation })))
  const providers = all.map(({ phase, conversation: { name, type, basePath } }) => {
    const origin = phase === 'Connecting' ? `https://127.0.0.1:${ignoring.port}` : serving.url
    return provider(`shop/${phase.toLowerCase()}-${name}`, type, [], {
      baseURL: `${origin}/${phase}/${name}${basePath}`,
      timeouts: phase === 'Connecting' ? { ...TIMEOUTS, connectMs: 1000 } : TIMEOUTS,
      connections: { max: phase === 'Queued' ? 1 : 4096, idleMs: 1000 },
      circuitBreaker: NEVER_OPEN,
      retryBudget: { percent: 100, minPerSecond: 100_000 },
    })
  })
  const rules = all.map(({ phase, conversation: { name, operation, type } }) =>
    ruleConfig(`${phase}-${name}`, {
      matches: [
        {
          models: [{ type: 'Prefix', value: `${phase}-` }],
          headers: type === 'Gemini' ? [{ name: 'x-goog-api-key', type: 'Prefix', value: 'o' }] : [],
          operations: [operation],
        },
      ],
      backends: [backend(`shop/${phase.toLowerCase()}-${name}`)],
      retry: { ...RETRY, attempts: 5, backoff: { initialMs: LONG_MS, maxMs: LONG_MS } },
    }),
  )
  // Google's chat is told from OpenAI's by its header, so its rules come first.
  return sidecarConfig({ providers, routes: [routeConfig('shop/aborts', rules.toSorted(googleFirst))] })
}

function googleFirst(a: { name: string }, b: { name: string }): number {
  return Number(b.name.endsWith('gemini')) - Number(a.name.endsWith('gemini'))
}

/** What a sidecar says is under way. */
export async function underWay(adminUrl: string): Promise<{ requests: number; attempts: number; waiting: number }> {
  const { body } = await ask(`${adminUrl}/metrics`)
  const requests = Number(/^outrigger_requests_in_flight(?:\{\})? (\d+)/m.exec(body)?.[1])
  const { providers } = (await askJson(`${adminUrl}/status`)) as { providers: Record<string, number>[] }
  const sum = (field: string): number => providers.reduce((total, one) => total + Number(one[field] ?? 0), 0)
  return { requests, attempts: sum('inFlight'), waiting: sum('waiting') }
}
