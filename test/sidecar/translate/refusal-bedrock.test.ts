// Refusals as Amazon's SDK meets them, over real sockets.
import {
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { describe, expect, test } from '@jest/globals'
import { FAILURES, type FailureCode, Refusal } from '../../../sidecar/errors.ts'
import { refusalReply } from '../../../sidecar/listen/refuse.ts'
import { refusalEvent } from '../../../sidecar/translate/refusal.ts'
import { chunkFrame, createBedrockClient, EVENTSTREAM, START, textFrame } from '../../support/bedrock.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { Answer } from '../../support/fault-provider-fault.ts'

const REQUEST_ID = 'req-7'
const modelId = 'm'
const body = JSON.stringify({ prompt: 'Hi' })
const messages = [{ role: 'user' as const, content: [{ text: 'Hi' }] }]

/** What the calls make of an answer, with how many events they had before. */
async function asked(answer: Answer, form: 'stream' | 'whole') {
  const provider = await FaultProvider.start({ respond: () => ({ answer }) })
  const client = createBedrockClient(provider.url)
  const calls =
    form === 'stream'
      ? [
          async () => (await client.send(new ConverseStreamCommand({ modelId, messages }))).stream,
          async () => (await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body }))).body,
        ]
      : [
          async () => void (await client.send(new ConverseCommand({ modelId, messages }))),
          async () => void (await client.send(new InvokeModelCommand({ modelId, body }))),
        ]
  const outcomes = await Promise.all(calls.map(outcomeOf))
  client.destroy()
  await provider.close()
  return outcomes
}

async function outcomeOf(call: () => Promise<AsyncIterable<unknown> | undefined>) {
  let events = 0
  try {
    for await (const _event of (await call()) ?? []) events++
  } catch (error) {
    return { events, error: error as Error }
  }
  return { events, error: undefined }
}

describe('a refusal inside a stream that has begun', () => {
  test.each<[FailureCode, string, string]>([
    ['provider_truncated', 'ModelStreamErrorException', 'ModelStreamErrorException'],
    ['provider_idle_timeout', 'ModelStreamErrorException', 'ModelStreamErrorException'],
    ['provider_rate_limited', 'ThrottlingException', 'ThrottlingException'],
    ['internal', 'InternalServerException', 'InternalServerException'],
    ['shutting_down', 'ServiceUnavailableException', 'ServiceUnavailableException'],
  ])('%s is raised as %s by ConverseStream, as %s by InvokeModelWithResponseStream', async (code, ...names) => {
    const event = refusalEvent('Bedrock', 'Chat', new Refusal(code), REQUEST_ID)
    const parts = [START, textFrame('a'), chunkFrame({ outputText: 'a' }), event]
    const outcomes = await asked(streamOf(parts), 'stream')
    expect(outcomes.map(({ error }) => error?.name)).toEqual(names)
    expect(outcomes.map(({ error }) => error?.message)).toEqual([FAILURES[code].message, FAILURES[code].message])
    expect(outcomes.map(({ events }) => events)).toEqual([2, 1])
  })

  test('is what makes the difference: without it the SDK sees a finished stream', async () => {
    const outcomes = await asked(streamOf([START, textFrame('a'), chunkFrame({ outputText: 'a' })]), 'stream')
    expect(outcomes).toEqual([
      { events: 2, error: undefined },
      { events: 1, error: undefined },
    ])
  })
})

function streamOf(parts: Buffer[]): Answer {
  return { status: 200, headers: EVENTSTREAM, body: Buffer.concat(parts), framing: 'Chunked' }
}

describe('a refusal in place of an answer', () => {
  test.each<[FailureCode, string]>([
    ['invalid_body', 'ValidationException'],
    ['host_not_allowed', 'AccessDeniedException'],
    ['model_not_found', 'ResourceNotFoundException'],
    ['request_timeout', 'ModelTimeoutException'],
    ['body_too_large', 'ValidationException'],
    ['provider_rate_limited', 'ThrottlingException'],
    ['internal', 'InternalServerException'],
    ['provider_unreachable', 'ModelErrorException'],
    ['not_configured', 'ServiceUnavailableException'],
    ['provider_first_byte_timeout', 'ModelTimeoutException'],
  ])('%s is raised as %s', async (code, name) => {
    const head = { method: 'POST', target: '/model/m/converse', rawHeaders: [] }
    const reply = refusalReply(head, new Refusal(code), REQUEST_ID)
    const headers = Object.fromEntries(
      Array.from({ length: reply.headers.length / 2 }, (_, i) => reply.headers.slice(i * 2, i * 2 + 2)),
    )
    const outcomes = await asked({ status: reply.status, headers, body: reply.body, framing: 'Length' }, 'whole')
    for (const { error } of outcomes) {
      expect(error).toMatchObject({
        name,
        message: FAILURES[code].message,
        $metadata: { httpStatusCode: FAILURES[code].status },
      })
    }
  })
})
