// Streams cut at every byte, before a second backend that is well: the SDK gets the second's whole answer, or it raises. It never
// takes what is left of the first for an answer.
//
// The quick run takes some offsets of each stream, by a seed; `make truncation` takes all of them.
import { hash } from 'node:crypto'
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ask, type Reply } from '../../support/client.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { End, Fault } from '../../support/fault-provider-fault.ts'
import { lendFetchDispatcher } from '../../support/google-genai.ts'
import { below, type Random, seeded } from '../../support/random.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { HAS_RECORDINGS, ownStreams, type Recording, recordedStreams } from '../stream/recordings.ts'
import { answerOf, CONVERSATIONS, type Conversation, SSE_TYPE } from './dialects.ts'
import { inParallel } from './in-parallel.ts'
import { createSdkClients, readAll, SDK_CALLS, type SdkClients } from './sdk-clients.ts'

/** Streams up to this size are cut at every byte. */
const EVERY_BYTES_MAX = Number(process.env.EVERY_CUT ?? 0)
const SEED = Number(process.env.SEED ?? 1)
const OFFSETS_EACH = 4
/** Where a stream's proper end begins, in most. */
const END_BYTES = 60
const WIDTH = 24
const ENDS: readonly End[] = ['Polite', 'Fin', 'Rst']
const WHOLE_MS = 60 * 60_000

interface Stream {
  readonly name: string
  readonly conversation: Conversation
  readonly body: Buffer
}

const STREAMS = streams()

function streams(): readonly Stream[] {
  const recorded = [...ownStreams(), ...(HAS_RECORDINGS ? recordedStreams() : [])]
  const own = CONVERSATIONS.map((conversation) => {
    return { name: conversation.name, conversation, body: Buffer.from(answerOf(conversation, 'stream', 'first').body) }
  })
  return [...own, ...recorded.map((one) => ({ name: one.name, conversation: conversationOf(one), body: one.body }))]
}

function conversationOf({ dialect, operation }: Recording): Conversation {
  const found = CONVERSATIONS.find((each) => each.operation === operation && speaks(each, dialect))
  if (found === undefined) throw new Error(`no conversation in ${dialect} ${operation}`)
  return found
}

function speaks({ type }: Conversation, dialect: string): boolean {
  return type === dialect
}

let first: FaultProvider
let second: FaultProvider
let sidecar: TestSidecar
let clients: SdkClients

/** Gives outcomes back to the SDKs as they were; their keys stand in the model's name. */
let replay: FaultProvider
let replaying: SdkClients
const outcomes = new Map<string, Pick<Reply, 'status' | 'body' | 'complete'>>()
const verdicts = new Map<string, Promise<string>>()
const agent = new http.Agent({ keepAlive: true })

function replayed(text: string): Fault {
  const outcome = outcomes.get(/[0-9a-f]{40}/.exec(text)?.[0] ?? '')
  if (outcome === undefined) throw new Error('nothing to replay')
  const { status, body, complete } = outcome
  const answer = { status, headers: SSE_TYPE, body, framing: 'Chunked' as const }
  return complete ? { answer } : { answer, until: { bodyBytes: Buffer.byteLength(body) }, end: 'Rst' }
}

/** `m-<stream>-<offset>-<end>`: what the first provider does is in the model's name, which every dialect sends. */
function faultFor(path: string, body: string): Fault {
  const [, stream, offset, end] = /m-(\d+)-(\d+)-(\w+)/.exec(path + body) ?? []
  const { body: bytes } = STREAMS[Number(stream)] as Stream
  const answer = { status: 200, headers: SSE_TYPE, body: bytes, framing: 'Chunked' as const }
  return end === 'Whole' ? { answer } : { answer, until: { bodyBytes: Number(offset) }, end: end as End }
}

beforeAll(async () => {
  lendFetchDispatcher()
  first = await FaultProvider.start({
    respond: ({ path, body }) => {
      first.requests.length = 0
      return faultFor(path, body)
    },
  })
  second = await FaultProvider.start({
    respond: ({ path }) => {
      second.requests.length = 0
      const conversation = CONVERSATIONS.find(({ name }) => path.startsWith(`/${name}/`)) as Conversation
      return { answer: answerOf(conversation, 'stream', 'second') }
    },
  })
  sidecar = await startTestSidecar({ config: document() }, { accessLog: 'off' })
  clients = createSdkClients(sidecar.url, 0)
  replay = await FaultProvider.start({ respond: ({ path, body }) => replayed(path + body) })
  replaying = createSdkClients(replay.url, 0)
})

afterAll(async () => {
  await sidecar.stop()
  await first.close()
  await second.close()
  await replay.close()
  agent.destroy()
})

const NEVER_OPEN = { consecutiveFailures: 0, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }

function document() {
  const servers = { first, second }
  const providers = CONVERSATIONS.flatMap(({ name, type, basePath }) =>
    Object.entries(servers).map(([who, { url }]) =>
      provider(`shop/${name}-${who}`, type, [], {
        baseURL: `${url}/${name}${basePath}`,
        circuitBreaker: NEVER_OPEN,
        connections: { max: 256, idleMs: 60_000 },
      }),
    ),
  )
  const rules = CONVERSATIONS.map(({ name, operation, type }) =>
    ruleConfig(name, {
      matches: [
        { models: [{ type: 'Prefix', value: type === 'Gemini' ? 'g' : 'm' }], headers: [], operations: [operation] },
      ],
      backends: [backend(`shop/${name}-first`, 1, 0), backend(`shop/${name}-second`, 1, 1)],
      retry: { ...RETRY, attempts: 2 },
    }),
  )
  return sidecarConfig({ providers, routes: [routeConfig('shop/all', rules)] })
}

/** What the SDK makes of it: its events as JSON, or that it raised. */
function read({ conversation }: Stream, model: string): Promise<string> {
  return readBy(clients, conversation, model)
}

/**
 * The same by way of the bytes that any client gets, each different outcome given to the SDK once: within an event it does not
 * matter where a stream was cut, so that there are a thousand times fewer outcomes than cuts.
 */
async function readOnce({ conversation }: Stream, model: string): Promise<string> {
  const name = conversation.type === 'Gemini' ? `g${model}` : model
  const { headers } = conversation
  const asked = { headers, body: conversation.body(name, 'stream'), agent }
  const { status, body, complete } = await ask(sidecar.url + conversation.path(name, 'stream'), asked)
  const key = hash('sha1', `${conversation.name} ${status} ${complete} ${body}`)
  const known = verdicts.get(key)
  if (known !== undefined) return known
  outcomes.set(key, { status, body, complete })
  const verdict = readBy(replaying, conversation, key)
  verdicts.set(key, verdict)
  await verdict
  outcomes.delete(key)
  return verdict
}

function readBy(by: SdkClients, { name, type }: Conversation, model: string): Promise<string> {
  return readAll(SDK_CALLS[name].stream(by, type === 'Gemini' ? `g${model}` : model)).then(
    (all) => JSON.stringify(all),
    () => 'raised',
  )
}

function offsetsOf({ body }: Stream, random: Random): number[] {
  if (body.length <= EVERY_BYTES_MAX) return Array.from({ length: body.length }, (_, at) => at)
  const anywhere = Array.from({ length: OFFSETS_EACH }, () => below(random, body.length))
  const nearTheEnd = body.length - 1 - below(random, Math.min(END_BYTES, body.length))
  return [...new Set([...anywhere, nearTheEnd])]
}

/** Cuts after which the SDK had something that is neither of the two whole answers. */
async function shortSuccesses(stream: Stream, at: number, random: Random): Promise<unknown[]> {
  const uncut = await read(stream, `m-${at}-0-Whole`)
  const readCut = EVERY_BYTES_MAX > 0 ? readOnce : read
  const cuts = await inParallel(offsetsOf(stream, random), WIDTH, async (offset) => {
    const end = ENDS[(at + offset) % ENDS.length] as End
    const got = await readCut(stream, `m-${at}-${offset}-${end}`)
    return { offset, end, got }
  })
  const short = cuts.filter(({ got }) => got !== 'raised' && got !== uncut && !isSecond(got))
  return short.filter(({ offset, end }) => end !== 'Polite' || !looksWhole(stream, offset))
}

/**
 * Google's older answers say in each event that it is the last one. Ended politely between two of them, nobody can know that there
 * was more.
 */
function looksWhole({ conversation, body }: Stream, offset: number): boolean {
  const before = body.toString('latin1', 0, offset)
  if (conversation.type !== 'Gemini' || !/(\r\n\r\n?|\n\n|\r\r)$/.test(before)) return false
  return /"finishReason"/.test(
    before
      .trimEnd()
      .split(/\r\n\r\n|\n\n|\r\r/)
      .at(-1) ?? '',
  )
}

const WHOLE_ENDS = /"finish_reason":"stop"|"response\.completed"|"message_stop"|"finishReason":"STOP"/

function isSecond(got: string): boolean {
  return got.includes('"second"') && !got.includes('"first"') && WHOLE_ENDS.test(got)
}

describe(`streams cut, up to ${EVERY_BYTES_MAX} bytes at each of them (seed ${SEED})`, () => {
  const random = seeded(SEED)
  test.each(STREAMS.map((stream, at) => [stream.name, stream, at] as const))(
    '%s',
    async (_name, stream, at) => {
      expect(await shortSuccesses(stream, at, random)).toEqual([])
    },
    WHOLE_MS,
  )
})
