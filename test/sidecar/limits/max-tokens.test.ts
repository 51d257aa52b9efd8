import { expect, test } from '@jest/globals'
import { answersOf, MAX_TOKENS_FIELDS, maxTokensOf } from '../../../sidecar/limits/max-tokens.ts'
import { decode, fieldsToRead } from '../../../sidecar/request/decode.ts'
import type { DecodedRequest } from '../../../sidecar/request/decoded-request.ts'

const FIELDS = fieldsToRead(MAX_TOKENS_FIELDS)
const CHAT = '/v1/chat/completions'
const GEMINI = '/v1beta/models/gemini-2.5-pro:generateContent'

function request(target: string, body: object | string): DecodedRequest {
  const text = typeof body === 'string' ? body : JSON.stringify({ model: 'm', ...body })
  const rawHeaders = ['content-type', 'application/json']
  return decode({ method: 'POST', target, rawHeaders }, Buffer.from(text), FIELDS)
}

test.each<[string, string, object, number | undefined]>([
  ['Chat Completions, as it was', CHAT, { max_tokens: 300 }, 300],
  ['Chat Completions, as it is', CHAT, { max_completion_tokens: 400 }, 400],
  ['both: the larger', CHAT, { max_tokens: 300, max_completion_tokens: 400 }, 400],
  ['several answers', CHAT, { max_tokens: 300, n: 3 }, 900],
  ['Responses', '/v1/responses', { max_output_tokens: 500 }, 500],
  ['Messages', '/v1/messages', { max_tokens: 64_000 }, 64_000],
  ['Gemini', GEMINI, { generationConfig: { temperature: 0, maxOutputTokens: 100 } }, 100],
  ['Gemini, several answers', GEMINI, { generationConfig: { candidateCount: 2, maxOutputTokens: 100 } }, 200],
  ['Gemini, in the other spelling', GEMINI, { generation_config: { candidate_count: 2, max_output_tokens: 100 } }, 200],
  ['Bedrock Converse', '/model/nova/converse', { inferenceConfig: { maxTokens: 700 } }, 700],
  ['no bound', CHAT, { n: 3 }, undefined],
  ['a bound that is null', CHAT, { max_tokens: null }, undefined],
  [
    'bounds that no provider takes',
    CHAT,
    { max_tokens: -1, max_completion_tokens: 1.5, max_output_tokens: '9' },
    undefined,
  ],
  ['beyond all numbers', CHAT, { max_tokens: Number.MAX_SAFE_INTEGER, n: 9 }, Number.MAX_SAFE_INTEGER],
  ['a config that is none', GEMINI, { generationConfig: [1] }, undefined],
  ['a config that is null', GEMINI, { generationConfig: null }, undefined],
  ['a bound that is elsewhere', CHAT, { metadata: { max_tokens: 3 } }, undefined],
])('%s', (_name, target, body, bound) => {
  expect(maxTokensOf(request(target, body))).toBe(bound)
})

test('a value that is no JSON says nothing', () => {
  expect(maxTokensOf(request(GEMINI, '{"generationConfig":{"maxOutputTokens":}}'))).toBeUndefined()
})

test('how many answers are asked for', () => {
  expect(answersOf(request('/v1/images/generations', { n: 4 }))).toBe(4)
  expect(answersOf(request('/v1/images/generations', {}))).toBe(1)
  expect(answersOf(request('/v1/images/generations', { n: 0 }))).toBe(1)
})
