import { expect, test } from '@jest/globals'
import type { ProviderConfig } from '../../../contract/sidecar-config.ts'
import { type Backend, createRuntime, type Runtime } from '../../../sidecar/config/runtime.ts'
import { Refusal } from '../../../sidecar/errors.ts'
import { authenticate, prepare } from '../../../sidecar/providers/prepare.ts'
import { prepareUpgrade } from '../../../sidecar/providers/prepare-upgrade.ts'
import { decode } from '../../../sidecar/request/decode.ts'
import type { DecodedRequest } from '../../../sidecar/request/decoded-request.ts'
import { type Attempt, attemptOf, route } from '../../../sidecar/request/route.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const OPENAI = provider('ai/openai', 'OpenAI', ['fast=gpt-5-mini-2026', 'same'], {
  baseURL: 'https://api.openai.com/v1',
})
const COMPATIBLE = provider('ai/vllm', 'OpenAICompatible', ['fast=org/llama', 'same'], {
  baseURL: 'http://vllm:8000/v1',
  streamUsage: 'AsSent',
})
const AZURE = provider('ai/azure', 'AzureOpenAI', ['fast=my deployment', 'same'], {
  baseURL: 'https://x.openai.azure.com/openai',
  apiVersion: '2026-06-01',
})
const AZURE_V1 = provider('ai/azure', 'AzureOpenAI', ['fast=deployed', 'same'], {
  baseURL: 'https://x.openai.azure.com/openai/v1',
})
const CLAUDE = provider('ai/claude', 'Anthropic', ['fast=claude-haiku-4-5', 'same'], {
  baseURL: 'https://api.anthropic.com',
})
const GEMINI = provider(
  'ai/gemini',
  'Gemini',
  ['fast=gemini-2.5-flash', 'same', 'odd=a/b c', 'tuned=tunedModels/mine-1'],
  {
    baseURL: 'https://generativelanguage.googleapis.com/gw',
  },
)

/** The request as decode and route see it, `METHOD /target` and a body. */
function planned(
  config: ProviderConfig,
  line: string,
  body: string | Buffer,
  headers: string[] = [],
): [DecodedRequest, Attempt] {
  const [method = '', target = ''] = line.split(' ')
  const runtime = createRuntime(sidecarConfig({ providers: [config] }), {})
  const request = decode({ method, target, rawHeaders: headers }, Buffer.from(body), runtime.readFields)
  return [request, attempted(runtime, request)]
}

function attempted(runtime: Runtime, request: DecodedRequest): Attempt {
  const { candidates, model } = route(runtime, request)
  return attemptOf(candidates[0] as Backend, model)
}

function check(
  name: string,
  config: ProviderConfig,
  line: string,
  body: string,
  target: string,
  expectedBody: string,
): void {
  test(name, () => {
    const prepared = prepare(...planned(config, line, body))
    const joined = Buffer.concat(prepared.body)
    expect({
      line: `${prepared.method} ${prepared.target}`,
      body: joined.toString(),
      bytes: prepared.bodyBytes,
    }).toEqual({
      line: target,
      body: expectedBody,
      bytes: joined.length,
    })
  })
}

const FAST = '{"model":"fast","messages":[]}'
const SAME = '{ "model" : "same" }'

check(
  'OpenAI',
  OPENAI,
  'POST /v1/chat/completions?x=1',
  FAST,
  'POST /v1/chat/completions?x=1',
  '{"model":"gpt-5-mini-2026","messages":[]}',
)
check('OpenAI, name unchanged: the same bytes', OPENAI, 'POST /v1/embeddings', SAME, 'POST /v1/embeddings', SAME)
check('OpenAI, without a model', OPENAI, 'GET /v1/files?limit=2', '', 'GET /v1/files?limit=2', '')
check('OpenAI, stored object', OPENAI, 'DELETE /v1/responses/resp_1', '', 'DELETE /v1/responses/resp_1', '')
check(
  'OpenAI, from an Azure client',
  OPENAI,
  'POST /openai/deployments/fast/chat/completions?api-version=2025-01-01&x=1',
  '{"messages":[]}',
  'POST /v1/chat/completions?x=1',
  '{"model":"gpt-5-mini-2026","messages":[]}',
)
check(
  'OpenAI, from an Azure client that names another model in the body',
  OPENAI,
  'POST /openai/deployments/same/chat/completions',
  '{"model":"expensive"}',
  'POST /v1/chat/completions',
  '{"model":"same"}',
)
check(
  'a compatible server',
  COMPATIBLE,
  'POST /v1/rerank',
  '{"query":"q","model":"fast"}',
  'POST /v1/rerank',
  '{"query":"q","model":"org/llama"}',
)
check(
  'Azure deployments',
  AZURE,
  'POST /v1/chat/completions?x=1',
  FAST,
  'POST /openai/deployments/my%20deployment/chat/completions?x=1&api-version=2026-06-01',
  '{"model":"my deployment","messages":[]}',
)
check(
  'Azure deployments, from an Azure client',
  AZURE,
  'POST /openai/deployments/same/embeddings?api-version=2023-05-15',
  '{"input":"x"}',
  'POST /openai/deployments/same/embeddings?api-version=2026-06-01',
  '{"model":"same","input":"x"}',
)
check(
  'Azure, an escaped api-version of the client does not come through',
  AZURE,
  'POST /v1/embeddings?api%2Dversion=1',
  SAME,
  'POST /openai/deployments/same/embeddings?api-version=2026-06-01',
  SAME,
)
check(
  'Azure, an API beside the deployments',
  AZURE,
  'POST /v1/responses',
  FAST,
  'POST /openai/responses?api-version=2026-06-01',
  '{"model":"my deployment","messages":[]}',
)
check('Azure, without a model', AZURE, 'GET /v1/files', '', 'GET /openai/files?api-version=2026-06-01', '')
check(
  'Azure v1',
  AZURE_V1,
  'POST /v1/chat/completions?api-version=preview',
  FAST,
  'POST /openai/v1/chat/completions?api-version=preview',
  '{"model":"deployed","messages":[]}',
)
check(
  'Azure v1, from an Azure client',
  AZURE_V1,
  'POST /openai/deployments/fast/audio/speech?api-version=1',
  '{"input":"x"}',
  'POST /openai/v1/audio/speech',
  '{"model":"deployed","input":"x"}',
)
check(
  'Anthropic',
  CLAUDE,
  'POST /v1/messages?beta=true',
  FAST,
  'POST /v1/messages?beta=true',
  '{"model":"claude-haiku-4-5","messages":[]}',
)
check(
  'Anthropic, counting tokens',
  CLAUDE,
  'POST /v1/messages/count_tokens',
  SAME,
  'POST /v1/messages/count_tokens',
  SAME,
)
check(
  'Gemini v1beta',
  GEMINI,
  'POST /v1beta/models/fast:streamGenerateContent?alt=sse',
  '{"contents":[]}',
  'POST /gw/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
  '{"contents":[]}',
)
check(
  'Gemini v1, the key of the client left out',
  GEMINI,
  'POST /v1/models/fast:generateContent?key=AIza&x=1',
  '{}',
  'POST /gw/v1/models/gemini-2.5-flash:generateContent?x=1',
  '{}',
)
check(
  'Gemini, a name that needs escapes',
  GEMINI,
  'POST /v1beta/models/odd:countTokens',
  '{}',
  'POST /gw/v1beta/models/a%2Fb%20c:countTokens',
  '{}',
)
check(
  'Gemini, a tuned model',
  GEMINI,
  'POST /v1beta/models/tuned:generateContent',
  '{}',
  'POST /gw/v1beta/tunedModels/mine-1:generateContent',
  '{}',
)
check(
  'Gemini, a model in the body',
  GEMINI,
  'POST /v1beta/interactions',
  '{"model":"fast"}',
  'POST /gw/v1beta/interactions',
  '{"model":"gemini-2.5-flash"}',
)
check('Gemini, without a model', GEMINI, 'GET /v1beta/files?pageSize=3', '', 'GET /gw/v1beta/files?pageSize=3', '')

test('the model of a form is replaced, and nothing else of it', () => {
  const form = (model: string) =>
    `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--b\r\n` +
    'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n\u0000{"model":"x"}\r\n--b--\r\n'
  const headers = ['Content-Type', 'multipart/form-data; boundary=b']
  const prepared = prepare(...planned(OPENAI, 'POST /v1/audio/transcriptions', form('fast'), headers))
  expect(Buffer.concat(prepared.body).toString()).toBe(form('gpt-5-mini-2026'))
})

test('a body that needs no change is the same Buffer, not a copy', () => {
  const [request, attempt] = planned(OPENAI, 'POST /v1/chat/completions', SAME)
  expect(prepare(request, attempt).body[0]).toBe(request.body)
})

test("the rule's defaults fill in, its overrides replace, and a stream is asked for usage", () => {
  const rule = ruleConfig('r', {
    backends: [backend('ai/openai fast')],
    defaults: [
      { name: 'temperature', value: 0.2 },
      { name: 'top_p', value: 1 },
    ],
    overrides: [{ name: 'user', value: 'shop' }],
  })
  const runtime = createRuntime(sidecarConfig({ providers: [OPENAI], routes: [routeConfig('shop/a', [rule])] }), {})
  const head = { method: 'POST', target: '/v1/chat/completions', rawHeaders: [] }
  const body = '{"model":"any","temperature":1,"user":"me","stream":true}'
  const request = decode(head, Buffer.from(body), runtime.readFields)
  const prepared = prepare(request, attempted(runtime, request))
  expect(JSON.parse(Buffer.concat(prepared.body).toString())).toEqual({
    model: 'gpt-5-mini-2026',
    temperature: 1,
    top_p: 1,
    user: 'shop',
    stream: true,
    stream_options: { include_usage: true },
  })
})

function checkUsage(
  name: string,
  config: ProviderConfig,
  body: string,
  stripping: 'Strip' | 'Keep',
  options: unknown,
): void {
  test(name, () => {
    const prepared = prepare(...planned(config, 'POST /v1/chat/completions', body))
    const sent = JSON.parse(Buffer.concat(prepared.body).toString()) as Record<string, unknown>
    expect([prepared.usageStripping, sent.stream_options]).toEqual([stripping, options])
  })
}

checkUsage('usage that the client did not ask for is stripped', OPENAI, '{"model":"same","stream":true}', 'Strip', {
  include_usage: true,
})
checkUsage(
  'usage that the client asked for is kept',
  OPENAI,
  '{"model":"same","stream":true,"stream_options":{"include_usage":true}}',
  'Keep',
  { include_usage: true },
)
checkUsage('an answer that is no stream has its usage', OPENAI, SAME, 'Keep', undefined)
checkUsage(
  'a server that refuses stream_options is not asked',
  COMPATIBLE,
  '{"model":"same","stream":true}',
  'Keep',
  undefined,
)

test("a provider gets the client's headers less its credentials, and its own", () => {
  const headers = [
    'Host',
    '127.0.0.1:8787',
    'Authorization',
    'Bearer placeholder',
    'User-Agent',
    'x',
    'anthropic-beta',
    'a,b',
  ]
  const prepared = prepare(...planned(CLAUDE, 'POST /v1/messages', SAME, headers))
  expect(prepared.headers).toBe(
    'User-Agent: x\r\nanthropic-beta: a,b\r\naccept-encoding: identity\r\nanthropic-version: 2023-06-01\r\n',
  )
})

for (const model of ['.', '..']) {
  test(`a model named "${model}" does not become a step in the path`, () => {
    const open = provider('ai/azure', 'AzureOpenAI', [], { apiVersion: '2026-06-01' })
    const [request, attempt] = planned(open, 'POST /v1/chat/completions', JSON.stringify({ model }))
    expect(() => prepare(request, attempt)).toThrow(
      new Refusal('model_not_found', `"${model}" cannot be a model's name.`),
    )
  })
}

const KEY_LINES: [config: ProviderConfig, expected: string][] = [
  [OPENAI, 'authorization: Bearer k-1\r\n'],
  [COMPATIBLE, 'authorization: Bearer k-1\r\n'],
  [AZURE, 'api-key: k-1\r\n'],
  [CLAUDE, 'x-api-key: k-1\r\n'],
  [GEMINI, 'x-goog-api-key: k-1\r\n'],
]
for (const [config, expected] of KEY_LINES) {
  test(`the key travels to ${config.type} in its own header`, () => {
    const [built] = createRuntime(sidecarConfig({ providers: [config] }), {}).providers
    expect(built && authenticate(built, 'k-1')).toBe(expected)
  })
}

function checkUpgrade(name: string, config: ProviderConfig, target: string, expected: string): void {
  test(name, () => {
    expect(prepareUpgrade(...planned(config, `GET ${target}`, '')).target).toBe(expected)
  })
}

checkUpgrade(
  'a realtime session names its model in the query',
  OPENAI,
  '/v1/realtime?model=fast&x=1',
  '/v1/realtime?model=gpt-5-mini-2026&x=1',
)
checkUpgrade(
  "… and its deployment in Azure's older API",
  AZURE,
  '/v1/realtime?model=fast',
  '/openai/realtime?deployment=my%20deployment&api-version=2026-06-01',
)
checkUpgrade(
  '… and its model again when an older Azure client reaches the newer API',
  AZURE_V1,
  '/openai/realtime?api-version=2024-10-01&deployment=fast',
  '/openai/v1/realtime?model=deployed',
)

test("a WebSocket's handshake passes, less the key that browsers hide among its protocols", () => {
  const headers = [
    ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Origin', 'http://localhost', 'OpenAI-Beta', 'realtime=v1'],
    ...['Sec-WebSocket-Key', 'a2V5', 'Sec-WebSocket-Version', '13', 'Authorization', 'Bearer placeholder'],
    ...['Sec-WebSocket-Protocol', 'realtime, openai-insecure-api-key.placeholder,openai-project.p'],
    ...['sec-websocket-protocol', 'OpenAI-Insecure-API-Key.placeholder'],
  ]
  expect(prepareUpgrade(...planned(OPENAI, 'GET /v1/realtime?model=same', '', headers)).headers).toBe(
    'OpenAI-Beta: realtime=v1\r\naccept-encoding: identity\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
      'sec-websocket-key: a2V5\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: realtime\r\n',
  )
})
