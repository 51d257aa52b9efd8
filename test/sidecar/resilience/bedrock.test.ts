// Failover between two providers of Bedrock's, as Amazon's SDK sees it: what came before content is answered by the second, what
// comes after reaches the application as an exception, and a key of ours never does.
import {
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { RuleConfig } from '../../../contract/sidecar-config.ts'
import {
  chunkFrame,
  converseAnswer,
  converseStream,
  createBedrockClient,
  EVENTSTREAM,
  exceptionFrame,
  METADATA,
  START,
  STOP,
  textFrame,
} from '../../support/bedrock.ts'
import { ask } from '../../support/client.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { Fault } from '../../support/fault-provider-fault.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const KEY = 'bedrock-api-key-of-the-platform'
const MODEL = 'us.anthropic.claude-haiku-4-5-20251001-v1:0'
const messages = [{ role: 'user' as const, content: [{ text: 'Hello there' }] }]

let first: FaultProvider
let second: FaultProvider
let sidecar: TestSidecar
let client: ReturnType<typeof createBedrockClient>

function answered(status: number, headers: Record<string, string>, body: string | Buffer): Fault {
  return { answer: { status, headers, body, framing: 'Length' } }
}

function frames(...parts: Buffer[]): Fault {
  return { answer: { status: 200, headers: EVENTSTREAM, body: Buffer.concat(parts), framing: 'Chunked' } }
}

function errorAnswer(status: number, type: string): Fault {
  return answered(
    status,
    { 'content-type': 'application/json', 'x-amzn-errortype': `${type}:http://x/` },
    '{"message":"No."}',
  )
}

function answerOf(who: string, path: string): Fault {
  if (path.endsWith('-stream')) return frames(converseStream(who))
  return answered(200, { 'content-type': 'application/json' }, converseAnswer(who))
}

const NEVER_OPEN = { consecutiveFailures: 0, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }

beforeAll(async () => {
  first = await FaultProvider.start({ respond: ({ path }) => answerOf('first', path) })
  second = await FaultProvider.start({ respond: ({ path }) => answerOf('second', path) })
  const providers = [
    provider('shop/first', 'Bedrock', [`haiku=${MODEL}`], { baseURL: first.url, circuitBreaker: NEVER_OPEN }),
    provider('shop/second', 'Bedrock', ['haiku'], { baseURL: second.url, circuitBreaker: NEVER_OPEN }),
    provider('shop/keyed', 'Bedrock', [`haiku=${MODEL}`], {
      baseURL: first.url,
      credentials: [{ name: 'primary', file: 'primary', weight: 1 }],
    }),
  ]
  const rules = [
    ruleTo('alone', ['shop/first haiku']),
    ruleTo('both', ['shop/first haiku', 'shop/second haiku']),
    ruleTo('metered', ['shop/first haiku']),
    ruleTo('broken-off', ['shop/first haiku']),
    ruleTo('keyed', ['shop/keyed haiku', 'shop/second haiku']),
  ]
  const config = sidecarConfig({ providers, routes: [routeConfig('shop/all', rules)] })
  sidecar = await startTestSidecar({ config, keys: { primary: KEY } })
  client = createBedrockClient(sidecar.url)
})

/** The rule for the model of its name; backends stand by in their order. */
function ruleTo(name: string, backends: string[]): RuleConfig {
  return ruleConfig(name, {
    matches: [{ models: [{ type: 'Exact', value: name }], headers: [], operations: ['Chat'] }],
    backends: backends.map((each, priority) => backend(each, 1, priority)),
    retry: { ...RETRY, attempts: backends.length },
  })
}

afterAll(async () => {
  client.destroy()
  await sidecar.stop()
  await first.close()
  await second.close()
})

/** The text that came, and the error that was raised behind it. */
async function stream(modelId: string): Promise<string> {
  let text = ''
  try {
    const { stream: events } = await client.send(new ConverseStreamCommand({ modelId, messages }))
    for await (const event of events ?? []) text += event.contentBlockDelta?.delta?.text ?? ''
    return text
  } catch (error) {
    return `${text}${text && ', then '}${errorWords(error)}`
  }
}

async function whole(modelId: string): Promise<string> {
  try {
    const { output } = await client.send(new ConverseCommand({ modelId, messages }))
    return output?.message?.content?.[0]?.text ?? ''
  } catch (error) {
    return errorWords(error)
  }
}

function errorWords(error: unknown): string {
  const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } }
  return [name, $metadata?.httpStatusCode].filter(Boolean).join(' ')
}

/** What the SDK has when the first provider does this: with the second one behind it, and without. */
async function outcomes(fault: Fault, read: (modelId: string) => Promise<string>): Promise<string[]> {
  const got: string[] = []
  for (const model of ['both', 'alone']) {
    first.next(fault)
    got.push(await read(model))
  }
  return got
}

function damaged(frame: Buffer): Buffer {
  const copy = Buffer.from(frame)
  copy.writeUInt8((copy[copy.length - 10] as number) ^ 1, copy.length - 10)
  return copy
}

describe('a stream', () => {
  const content = [START, textFrame('from '), textFrame('first')]
  test.each<[string, Fault, string, string]>([
    ['is the first one’s when nothing is wrong', frames(converseStream('first')), 'from first', 'from first'],
    ['is refused for its rate', errorAnswer(429, 'ThrottlingException'), 'from second', 'ThrottlingException 429'],
    [
      'meets an outage',
      errorAnswer(503, 'ServiceUnavailableException'),
      'from second',
      'ServiceUnavailableException 503',
    ],
    ['is the caller’s mistake', errorAnswer(400, 'ValidationException'), ...twice('ValidationException 400')],
    ['begins with an exception', frames(exceptionFrame('throttlingException')), 'from second', 'ThrottlingException'],
    [
      'has an exception after its start',
      frames(START, exceptionFrame('modelStreamErrorException')),
      'from second',
      'ModelStreamErrorException',
    ],
    [
      'has an exception after content',
      frames(...content, exceptionFrame('serviceUnavailableException')),
      ...twice('from first, then ServiceUnavailableException'),
    ],
    ['ends after its start', frames(START), 'from second', 'ModelErrorException 502'],
    ['is empty', frames(), 'from second', 'ModelErrorException 502'],
    ['ends after content', frames(...content), ...twice('from first, then ModelStreamErrorException')],
    ['ends without its usage', frames(...content, STOP), ...twice('from first, then ModelStreamErrorException')],
    ['is damaged at its start', frames(damaged(START), ...content), 'from second', 'ModelErrorException 502'],
    [
      'is damaged after content',
      frames(...content, damaged(textFrame('!')), STOP, METADATA),
      ...twice('from first, then ModelStreamErrorException'),
    ],
  ])('that %s', async (_name, fault, withSecond, alone) => {
    expect(await outcomes(fault, stream)).toEqual([withSecond, alone])
  })
})

describe('an answer in one piece', () => {
  test.each<[string, Fault, string, string]>([
    ['is the first one’s when nothing is wrong', answerOf('first', '/converse'), 'from first', 'from first'],
    ['is refused for its rate', errorAnswer(429, 'ThrottlingException'), 'from second', 'ThrottlingException 429'],
    ['meets a model that failed', errorAnswer(424, 'ModelErrorException'), 'from second', 'ModelErrorException 424'],
    [
      'is the caller’s mistake',
      errorAnswer(404, 'ResourceNotFoundException'),
      ...twice('ResourceNotFoundException 404'),
    ],
    ['is cut', { ...answerOf('first', '/converse'), until: 'MidBody' }, 'from second', 'ModelErrorException 502'],
  ])('that %s', async (_name, fault, withSecond, alone) => {
    expect(await outcomes(fault, whole)).toEqual([withSecond, alone])
  })
})

function twice(outcome: string): [string, string] {
  return [outcome, outcome]
}

test('an invoked model’s stream passes as it came, and an error in its first chunk is answered by the second', async () => {
  const events = [
    { type: 'message_start', message: { content: [], usage: { input_tokens: 3, output_tokens: 1 } } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'from first' } },
    { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 3, outputTokenCount: 2 } },
  ]
  const read = async (modelId: string) => {
    const { body } = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body: '{}' }))
    const events: unknown[] = []
    for await (const { chunk } of body ?? []) events.push(JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()))
    return events
  }
  first.next(frames(...events.map(chunkFrame)))
  expect(await read('both')).toEqual(events)

  first.next(frames(chunkFrame({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })))
  second.next(frames(...events.map(chunkFrame)))
  expect(await read('both')).toEqual(events)
})

describe('what is recorded', () => {
  test('of a stream is its usage', async () => {
    await stream('metered')
    const line = await sidecar.accessLine(({ requestedModel }) => requestedModel === 'metered')
    expect(line).toMatchObject({ status: 200, inputTokens: 3, outputTokens: 2, operation: 'Chat' })
  })

  test('of a stream that broke off is what it had said', async () => {
    const start = { type: 'message_start', message: { content: [], usage: { input_tokens: 5, output_tokens: 1 } } }
    first.next(frames(chunkFrame(start), chunkFrame({ type: 'content_block_start' })))
    await ask(`${sidecar.url}/model/broken-off/invoke-with-response-stream`, { body: '{}' })
    const line = await sidecar.accessLine(({ requestedModel }) => requestedModel === 'broken-off')
    expect(line).toMatchObject({ failure: 'provider_truncated', inputTokens: 5, outputTokens: 1 })
  })

  test('of an invocation is what the headers say', async () => {
    const headers = { 'content-type': 'application/json', 'x-amzn-bedrock-input-token-count': '11' }
    first.next(answered(200, { ...headers, 'x-amzn-bedrock-output-token-count': '7' }, '{"generation":"from first"}'))
    await client.send(new InvokeModelCommand({ modelId: 'both', body: '{"prompt":"Hi"}' }))
    expect(await sidecar.accessLine(({ inputTokens }) => inputTokens === 11)).toMatchObject({ outputTokens: 7 })
  })
})

describe('a key', () => {
  test('of ours is what the provider gets, and nothing of the application’s', async () => {
    first.clear()
    const headers = {
      authorization: 'AWS4-HMAC-SHA256 Credential=AKIA/20261121/us-east-1/bedrock/aws4_request, Signature=0',
      'x-amz-date': '20261121T120000Z',
      'x-amz-security-token': 'session-of-the-application',
      'x-amz-content-sha256': '0',
      'x-amzn-bedrock-trace': 'ENABLED',
    }
    const { status } = await ask(`${sidecar.url}/model/keyed/converse`, { headers, body: { messages } })
    const [seen] = first.requests
    expect([status, seen?.path]).toEqual([200, `/model/${encodeURIComponent(MODEL)}/converse`])
    expect(seen?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-amzn-bedrock-trace': 'ENABLED' })
    expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith('x-amz-'))).toEqual([])
  })

  test('of which a checksum looks like the beginning delays nothing for good', async () => {
    const lookalikes = Array.from({ length: 5000 }, (_, i) => `from ${i}`)
    const text = lookalikes.find((each) => textFrame(each).toString('latin1').endsWith(KEY.slice(0, 1))) ?? ''
    expect(text).not.toBe('')
    first.next(frames(START, textFrame(text)))
    expect(await stream('keyed')).toBe(`${text}, then ModelStreamErrorException`)
    first.next(frames(START, textFrame(text), STOP, METADATA))
    expect(await stream('keyed')).toBe(text)
  })

  test('that is refused is no matter of the application’s', async () => {
    first.next(errorAnswer(403, 'ExpiredTokenException'))
    expect(await whole('keyed')).toBe('from second')
  })
})
