// Bedrock's wire for tests: frames as it sends them, one small answer, and Amazon's SDK before any endpoint.
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { writeFrame } from '../../sidecar/stream/eventstream-frame.ts'

export const EVENTSTREAM = { 'content-type': 'application/vnd.amazon.eventstream' }

export function eventFrame(type: string, payload: object): Buffer {
  const headers = { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }
  return writeFrame(headers, Buffer.from(JSON.stringify(payload)))
}

/** An event of the invoked model's own. */
export function chunkFrame(inner: object): Buffer {
  return eventFrame('chunk', { bytes: Buffer.from(JSON.stringify(inner)).toString('base64'), p: 'abc' })
}

export function exceptionFrame(type: string): Buffer {
  const headers = { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' }
  return writeFrame(headers, Buffer.from('{"message":"No."}'))
}

export const START = eventFrame('messageStart', { role: 'assistant', p: 'abcd' })
export const STOP = eventFrame('messageStop', { stopReason: 'end_turn' })
export const METADATA = eventFrame('metadata', {
  usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
  metrics: { latencyMs: 1 },
})

export function textFrame(text: string): Buffer {
  return eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text }, p: 'ab' })
}

/** A stream of Converse's whose text says who answered. */
export function converseStream(who: string): Buffer {
  return Buffer.concat([START, textFrame('from '), textFrame(who), STOP, METADATA])
}

export function converseAnswer(who: string): string {
  const message = { role: 'assistant', content: [{ text: `from ${who}` }] }
  const usage = { inputTokens: 3, outputTokens: 2, totalTokens: 5 }
  return JSON.stringify({ output: { message }, stopReason: 'end_turn', usage, metrics: { latencyMs: 1 } })
}

/**
 * The SDK as an application has to set it up: a placeholder for a key, and HTTP/1.1, for it speaks HTTP/2 unless told otherwise.
 * Each call is one attempt unless `attempts` says more.
 */
export function createBedrockClient(endpoint: string, attempts = 1): BedrockRuntimeClient {
  return new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint,
    token: { token: 'placeholder-of-the-application' },
    authSchemePreference: ['httpBearerAuth'],
    requestHandler: new NodeHttpHandler(),
    maxAttempts: attempts,
  })
}
