// Bedrock's streams cut at every byte, before a second backend that is well: Amazon's SDK gets the second's whole answer, or it
// raises. truncation.test.ts is the same for streams of text, and says how many offsets are tried.
import { ConverseStreamCommand, InvokeModelWithResponseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { chunkFrame, converseStream, createBedrockClient, EVENTSTREAM } from '../../support/bedrock.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { End, Fault } from '../../support/fault-provider-fault.ts'
import { below, type Random, seeded } from '../../support/random.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { bedrockStreams } from '../stream/bedrock-recordings.ts'
import { inParallel } from './in-parallel.ts'
import { readAll } from './sdk-clients.ts'

const EVERY_BYTES_MAX = Number(process.env.EVERY_CUT ?? 0)
const SEED = Number(process.env.SEED ?? 1)
const OFFSETS_EACH = 8
const WIDTH = 16
const ENDS: readonly End[] = ['Polite', 'Fin', 'Rst']
const WHOLE_MS = 60 * 60_000
const NEVER_OPEN = { consecutiveFailures: 0, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }

const STREAMS = [
  { name: 'one of our own', body: converseStream('first') },
  { name: 'one of our own, invoked', body: invokedStream('first') },
  ...bedrockStreams(),
].map((stream) => ({ ...stream, action: /invoke/.test(stream.name) ? 'invoke' : 'converse' }))

function invokedStream(who: string): Buffer {
  const events = [
    { type: 'message_start', message: { content: [], usage: { input_tokens: 3, output_tokens: 1 } } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `from ${who}` } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
    { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 3, outputTokenCount: 2 } },
  ]
  return Buffer.concat(events.map(chunkFrame))
}

let first: FaultProvider
let second: FaultProvider
let sidecar: TestSidecar
let client: ReturnType<typeof createBedrockClient>

function eventstream(body: Buffer): Fault {
  return { answer: { status: 200, headers: EVENTSTREAM, body, framing: 'Chunked' } }
}

/** `m-<stream>-<offset>-<end>`: what the first provider does is in the model's name. */
function faultFor(path: string): Fault {
  const [, stream, offset, end] = /m-(\d+)-(\d+)-(\w+)/.exec(path) ?? []
  const { body } = STREAMS[Number(stream)] as (typeof STREAMS)[number]
  return { ...eventstream(body), until: { bodyBytes: Number(offset) }, end: end as End }
}

beforeAll(async () => {
  first = await FaultProvider.start({
    respond: ({ path }) => {
      first.requests.length = 0
      return faultFor(path)
    },
  })
  second = await FaultProvider.start({
    respond: ({ path }) => {
      second.requests.length = 0
      return eventstream(path.endsWith('/converse-stream') ? converseStream('second') : invokedStream('second'))
    },
  })
  const providers = Object.entries({ first, second }).map(([who, { url }]) =>
    provider(`shop/${who}`, 'Bedrock', [], {
      baseURL: url,
      circuitBreaker: NEVER_OPEN,
      connections: { max: 256, idleMs: 60_000 },
    }),
  )
  const backends = [backend('shop/first', 1, 0), backend('shop/second', 1, 1)]
  const rule = ruleConfig('all', { backends, retry: { ...RETRY, attempts: 2 } })
  const config = sidecarConfig({ providers, routes: [routeConfig('shop/all', [rule])] })
  sidecar = await startTestSidecar({ config }, { accessLog: 'off' })
  client = createBedrockClient(sidecar.url)
})

afterAll(async () => {
  client.destroy()
  await sidecar.stop()
  await first.close()
  await second.close()
})

/** What the SDK makes of it: its events as JSON, or that it raised. */
function read(action: string, modelId: string): Promise<string> {
  return readAll(streamOf(action, modelId)).then(
    (all) => JSON.stringify(all),
    () => 'raised',
  )
}

async function streamOf(action: string, modelId: string): Promise<AsyncIterable<unknown>> {
  const messages = [{ role: 'user' as const, content: [{ text: 'Hello there' }] }]
  const stream =
    action === 'invoke'
      ? (await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body: '{}' }))).body
      : (await client.send(new ConverseStreamCommand({ modelId, messages }))).stream
  if (stream === undefined) throw new Error('no stream')
  return stream
}

function offsetsOf(body: Buffer, random: Random): number[] {
  if (body.length <= EVERY_BYTES_MAX) return Array.from({ length: body.length }, (_, at) => at)
  const anywhere = Array.from({ length: OFFSETS_EACH }, () => below(random, body.length))
  // The metadata, without which a message that stopped is not whole.
  const inTheLastFrame = body.length - 1 - below(random, Math.min(200, body.length))
  return [...new Set([...anywhere, inTheLastFrame])]
}

describe(`Bedrock's streams cut, up to ${EVERY_BYTES_MAX} bytes at each of them (seed ${SEED})`, () => {
  const random = seeded(SEED)
  test.each(STREAMS.map((stream, at) => [stream.name, stream, at] as const))(
    '%s',
    async (_name, { body, action }, at) => {
      const whole = await readSecond(action)
      const cuts = await inParallel(offsetsOf(body, random), WIDTH, async (offset) => {
        const end = ENDS[(at + offset) % ENDS.length] as End
        return { offset, end, got: await read(action, `m-${at}-${offset}-${end}`) }
      })
      expect(cuts.filter(({ got }) => got !== 'raised' && got !== whole)).toEqual([])
    },
    WHOLE_MS,
  )
})

/** Of a first provider that says nothing. */
async function readSecond(action: string): Promise<string> {
  const got = await read(action, 'm-0-0-Polite')
  expect(got).toMatch(action === 'invoke' ? /^\[\{"chunk"/ : /from .*second.*"metadata"/)
  return got
}
