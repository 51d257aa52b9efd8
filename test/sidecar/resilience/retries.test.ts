// Random faults against the whole story of a request, without sockets: whatever providers and clients do, attempts are bounded and
// recorded once each, there is one reply at most, it is never a part of an answer that looks whole, and nothing is left behind.
//
// FUZZ sets the number of runs (`make fuzz`), SEED the first seed; a failing run names its own.
import { afterAll, expect, test } from '@jest/globals'
import type { LimitConfig } from '../../../contract/limit-config.ts'
import { SecretValue } from '../../../contract/secret.ts'
import type { ProviderConfig } from '../../../contract/sidecar-config.ts'
import { admit } from '../../../sidecar/attempt/allowance.ts'
import { type AttemptsDeps, makeAttempts } from '../../../sidecar/attempt/attempts.ts'
import { KeepAlive } from '../../../sidecar/attempt/keep-alive.ts'
import type { Adopted } from '../../../sidecar/config/configuration.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { handle } from '../../../sidecar/handle.ts'
import { Estimator } from '../../../sidecar/limits/estimate.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { AnswerBudget } from '../../../sidecar/listen/answer-budget.ts'
import { ResponseHeaderFilter } from '../../../sidecar/providers/response-headers.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import { Standings } from '../../../sidecar/standing/standings.ts'
import type { AttemptRecord } from '../../../sidecar/telemetry/attempt-record.ts'
import { createRecord, finishRecord, type RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import { createCredentials } from '../../../sidecar/upstream/credentials.ts'
import type { Upstream } from '../../../sidecar/upstream/upstream.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import {
  backend,
  limitConfig,
  provider,
  RETRY,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'
import { CONVERSATIONS, type Conversation, type Form } from './dialects.ts'
import { inParallel } from './in-parallel.ts'
import { randomScript } from './random-faults.ts'
import { replyWords } from './reply-words.ts'
import { ScriptedCall, ScriptedClient } from './scripted-upstream.ts'

const RUNS = Number(process.env.FUZZ ?? 2000)
const FIRST_SEED = Number(process.env.SEED ?? 1)
const WIDTH = 50
const WORD_OF_ALL = 'message'
const PROVIDERS = ['first', 'second', 'third']

interface Run {
  readonly random: Random
  readonly conversation: Conversation
  readonly form: Form
  readonly client: ScriptedClient
  readonly calls: ScriptedCall[]
  readonly records: RequestRecord[]
  readonly adopted: Adopted
  readonly standings: Standings
  readonly bound: number
  readonly answers: AnswerBudget
  readonly limits: Limits
  /** Attempts that were sent when the reply had begun. */
  sentTooLate: number
}

const now = (): number => performance.now()
const ignored = (): void => {}
const keepAlive = new KeepAlive({ everyMs: 60_000, now })
const responseHeaders = new ResponseHeaderFilter()
const estimator = new Estimator()

function createRun(seed: number): Run {
  const random = seeded(seed)
  const conversation = pick(random, CONVERSATIONS)
  const form = pick(random, ['stream', 'whole'] as const)
  const bound = 1 + below(random, 5)
  const config = sidecarConfig({
    providers: PROVIDERS.map((who) => providerConfig(conversation, who, random)),
    routes: [
      routeConfig('shop/all', [
        ruleConfig('all', {
          ...backends(random),
          retry: retry(bound, random),
          limits: limitsOf('route:shop/all/all', random),
        }),
      ]),
    ],
  })
  const runtime = createRuntime(config, {})
  const keys = new Map(['0', '1'].map((key) => [key, new SecretValue(`sk-of-the-platform-${key}`)]))
  const credentials = createCredentials(runtime, keys, undefined, () => new CredentialStanding(random, ignored))
  const standings = new Standings(random, { onCircuit: ignored, onHealth: ignored })
  standings.adopt(runtime.providers)
  const adopted = { runtime, credentials, complete: true }
  const client = createClient(conversation, form, random)
  const answers = new AnswerBudget(1024)
  const limits = new Limits(createLocalSource({ wallClock: Date.now }), new Shares('Whole', '', now(), Date.now))
  limits.adopt(runtime.rows, now())
  return {
    random,
    conversation,
    form,
    client,
    calls: [],
    records: [],
    adopted,
    standings,
    bound,
    answers,
    limits,
    sentTooLate: 0,
  }
}

function providerConfig(conversation: Conversation, who: string, random: Random): ProviderConfig {
  const keys = Array.from({ length: below(random, 3) }, (_, at) => ({ name: `key-${at}`, file: `${at}`, weight: 1 }))
  return provider(`shop/${who}`, conversation.type, [], {
    credentials: keys,
    circuitBreaker: { ...BREAKER, consecutiveFailures: below(random, 3) },
    limits: limitsOf(`provider:shop/${who}`, random),
  })
}

const BREAKER = { consecutiveFailures: 1, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }

function backends(random: Random) {
  const used = PROVIDERS.slice(0, 1 + below(random, PROVIDERS.length))
  const balance = pick(random, ['Weighted', 'LeastInFlight', 'Fastest', 'Cheapest'] as const)
  return { balance, backends: used.map((who) => backend(`shop/${who} m`, 1, below(random, 2))) }
}

/** Some have room for it, some for its first attempt, some for nothing. */
function limitsOf(owner: string, random: Random): LimitConfig[] {
  if (random() < 0.5) return []
  const open = limitConfig(`${owner}/open`, 'Concurrency', 1)
  const requests = limitConfig(`${owner}/requests`, 'Requests', 1 + below(random, 2))
  const tokens = limitConfig(`${owner}/tokens`, 'Tokens', pick(random, [1, 2000, 1_000_000]))
  return [open, requests, tokens].filter(() => random() < 0.5)
}

function retry(attempts: number, random: Random) {
  const on = RETRY.on.filter(() => random() < 0.9)
  const statuses = random() < 0.2 ? [409] : []
  return { attempts, on, statuses, backoff: { initialMs: 1, maxMs: 2 } }
}

function createClient(conversation: Conversation, form: Form, random: Random): ScriptedClient {
  const sdkTries = random() < 0.2 ? ['x-stainless-retry-count', String(below(random, 3))] : []
  const rawHeaders = ['host', '127.0.0.1', ...JSON_BODY, ...Object.entries(conversation.headers).flat(), ...sdkTries]
  const head = { method: 'POST', target: conversation.path('any', form), rawHeaders }
  const slow = random() < 0.2
  const body = Buffer.from(JSON.stringify(conversation.body('any', form)))
  return new ScriptedClient(head, body, () => !slow || random() < 0.5)
}

const JSON_BODY = ['content-type', 'application/json']

function depsOf(run: Run): AttemptsDeps {
  const upstream: Pick<Upstream, 'send'> = {
    send: (to, _request, _timeouts, sink) => {
      if (run.client.begun) run.sentTooLate++
      const who = to.id.replace('shop/', '')
      const call = new ScriptedCall(randomScript(run.random, run.conversation, run.form, who), sink)
      run.calls.push(call)
      return call as unknown as ReturnType<Upstream['send']>
    },
  }
  const { standings, random, answers } = run
  return {
    standings,
    estimator,
    keepAlive,
    answers,
    random,
    now,
    wallClock: Date.now,
    responseHeaders,
    upstream: upstream as Upstream,
  }
}

async function play(seed: number): Promise<unknown[]> {
  const run = createRun(seed)
  const deps = depsOf(run)
  if (run.random() < 0.25) leaveLater(run, below(run.random, 15))
  await handle(run.client, {
    allowed: { allowedHosts: [], allowedOrigins: [] },
    current: () => run.adopted,
    admit: (choice, request, record) => {
      const { limits } = run
      return admit(choice, request, record, { limits, estimator, now, wallClock: Date.now })
    },
    attempts: (choice, context) => makeAttempts(choice, context, deps),
    recorder: {
      begin: ({ requestId, head }) => createRecord(requestId, head.method, now()),
      end: (record, bytesOut) => {
        finishRecord(record, now(), bytesOut)
        run.records.push(record)
      },
    },
  })
  const problems = problemsOf(run)
  return problems.length === 0 ? [] : [{ seed, ...described(run), problems }]
}

function leaveLater({ client }: Run, turns: number): void {
  if (turns === 0) client.leave()
  else setImmediate(() => leaveLater({ client } as Run, turns - 1))
}

/** Everything that must hold, as sentences about what does not. */
function problemsOf(run: Run): string[] {
  const { client, calls, records, bound } = run
  const problems = [...client.violations]
  const [record] = records
  if (records.length !== 1 || record === undefined) return [...problems, `${records.length} records`]
  const sent = record.tries.filter(({ outcome }) => outcome !== 'Skipped')
  if (calls.length > bound) problems.push(`${calls.length} requests were sent where ${bound} may be`)
  if (run.sentTooLate > 0) problems.push('a request was sent behind the first byte of the reply')
  if (sent.length !== calls.length || record.attempts !== calls.length) {
    problems.push(`${calls.length} requests, ${record.attempts} attempts, ${sent.length} of them recorded`)
  }
  problems.push(...sent.filter(isUnfinished).map((attempt) => `unfinished: ${JSON.stringify(attempt)}`))
  if (calls.some(({ end }) => end === 'Open')) problems.push('a call was left open')
  if (client.ending === 'Open') problems.push('the client was left waiting')
  for (const { provider: id, inFlight } of run.standings.report(now())) {
    if (inFlight !== 0) problems.push(`${inFlight} permits of ${id} are out`)
  }
  for (const { row, used } of run.limits.reports(now())) {
    if (row.what === 'Concurrency' && used !== 0) problems.push(`${used} of ${row.id} never came back`)
    if (row.what === 'Requests' && used > row.limit) problems.push(`${used} of ${row.id}`)
  }
  if (run.limits.open !== 0) problems.push(`${run.limits.open} grants were never settled`)
  if (run.answers.bytes !== 0) problems.push(`${run.answers.bytes} bytes count as held`)
  return [...problems, ...replyProblems(run, record)]
}

function isUnfinished({ outcome, durationMs }: AttemptRecord): boolean {
  return outcome === undefined || !(durationMs >= 0)
}

const WHOLE_OR_AN_ERROR = /^(200 answer of \w+|200 (part|start-up) of \w+, then .+|[45]\d\d [^:]+)$/
const BROKEN = /, broken$/

function replyProblems(run: Run, record: RequestRecord): string[] {
  const { client, conversation, form } = run
  if (client.ending === 'Left') return record.failure === undefined && client.bytesOut === 0 ? ['nobody was told'] : []
  const words = wordsOf(run)
  // A document that was cut behind an inner bracket, by a clean end: passes, and every client's JSON parser raises.
  if (form === 'whole' && client.status === 200 && !isJson(client.body)) return []
  const fine = BROKEN.test(words) || WHOLE_OR_AN_ERROR.test(words) || words === '200 its own error'
  const problems = fine ? [] : [`the client got: ${words}`]
  if (client.status !== record.status) problems.push(`recorded as ${record.status}`)
  const whole = /^200 answer of \w+$/.test(words)
  if (whole !== (record.failure === undefined && record.status === 200)) {
    problems.push(`${words}, recorded as ${record.failure} (${conversation.name}, ${form})`)
  }
  return problems
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function wordsOf({ client, conversation, form }: Run): string {
  const headers: Record<string, string> = {}
  for (let i = 0; i < client.headers.length; i += 2)
    headers[client.headers[i] as string] = client.headers[i + 1] as string
  const reply = { status: client.status, headers, body: client.body, complete: client.ending === 'Whole' }
  const html = client.body.startsWith('<html>')
  return html
    ? `${client.status} its own error`
    : replyWords(reply, { conversation, form, providers: PROVIDERS, word: WORD_OF_ALL })
}

function described(run: Run): object {
  const { client, conversation, form, bound, calls, records } = run
  const tries = records[0]?.tries.map(({ provider: id, outcome, status, word, why }) => ({
    id,
    outcome,
    status,
    word,
    why,
  }))
  const { status, ending } = client
  return { dialect: conversation.name, form, bound, status, ending, calls: calls.map(({ end }) => end), tries }
}

let played = 0
afterAll(() => expect(played).toBe(RUNS))

test(`${RUNS} requests among random faults, from seed ${FIRST_SEED}`, async () => {
  const seeds = Array.from({ length: RUNS }, (_, at) => FIRST_SEED + at)
  const problems = await inParallel(seeds, WIDTH, async (seed) => {
    played++
    return play(seed)
  })
  expect(problems.flat().slice(0, 5)).toEqual([])
}, 600_000)
