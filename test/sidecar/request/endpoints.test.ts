import { expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { classify, dialectOf, type Target } from '../../../sidecar/request/endpoints.ts'
import type { RequestHead } from '../../../sidecar/request/head.ts'

const ANTHROPIC = ['anthropic-version', '2026-10-21', 'authorization', 'Bearer x']
const GEMINI = ['X-Goog-Api-Client', 'google-genai-sdk/3.1.0']

/** The method is POST, and the target has no spaces, so `GET /v1/models` is a request line. */
function headOf(line: string, rawHeaders: string[] = []): RequestHead {
  const [method, target] = line.includes(' ') ? line.split(' ') : ['POST', line]
  return { method: method ?? '', target: target ?? '', rawHeaders }
}

const JSON_MODEL = {
  dialect: 'OpenAI',
  addressing: 'Standard',
  query: '',
  model: undefined,
  stream: undefined,
  body: 'Json',
  needsModel: true,
} as const
const OPTIONAL_MODEL = { ...JSON_MODEL, needsModel: false } as const
const UNREAD = { ...JSON_MODEL, operation: 'Other', stream: false, body: 'Unread', needsModel: false } as const

/** `expected`: the whole target, or the code of the refusal. */
function check(line: string, expected: Target | string, rawHeaders: string[] = []): void {
  const about = rawHeaders.length === 0 ? '' : ` with ${rawHeaders[0]}`
  const what =
    typeof expected === 'string' ? expected : `${expected.dialect} ${expected.operation} ${expected.endpoint}`
  test(`${line}${about} is ${what}`, () => {
    expect(outcome(headOf(line, rawHeaders))).toStrictEqual(expected)
  })
}

function outcome(head: RequestHead): Target | string {
  try {
    return classify(head)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

// OpenAI, every row.
check('/v1/chat/completions', { ...JSON_MODEL, operation: 'Chat', endpoint: '/chat/completions' })
check('/v1/completions', { ...JSON_MODEL, operation: 'Completions', endpoint: '/completions' })
check('/v1/responses', { ...OPTIONAL_MODEL, operation: 'Responses', endpoint: '/responses' })
check('/v1/responses/compact', { ...JSON_MODEL, operation: 'Responses', endpoint: '/responses/compact' })
check('/v1/responses/input_tokens', { ...OPTIONAL_MODEL, operation: 'Responses', endpoint: '/responses/input_tokens' })
check('/v1/embeddings', { ...JSON_MODEL, operation: 'Embeddings', endpoint: '/embeddings' })
check('/v1/images/generations', {
  ...JSON_MODEL,
  operation: 'Images',
  endpoint: '/images/generations',
  needsModel: false,
})
for (const endpoint of ['/images/edits', '/images/variations']) {
  check(`/v1${endpoint}`, { ...JSON_MODEL, operation: 'Images', endpoint, body: 'Form', needsModel: false })
}
check('/v1/audio/speech', { ...JSON_MODEL, operation: 'Audio', endpoint: '/audio/speech' })
for (const endpoint of ['/audio/transcriptions', '/audio/translations']) {
  check(`/v1${endpoint}`, { ...JSON_MODEL, operation: 'Audio', endpoint, body: 'Form' })
}
check('/v1/rerank', { ...JSON_MODEL, operation: 'Rerank', endpoint: '/rerank' })
check('/v1/moderations', { ...JSON_MODEL, operation: 'Other', endpoint: '/moderations', needsModel: false })
check('GET /v1/realtime?model=gpt-realtime&x=1', {
  ...UNREAD,
  stream: undefined,
  endpoint: '/realtime',
  model: 'gpt-realtime',
  query: 'model={model}&x=1',
})
check('GET /v1/realtime?model=a+b', 'malformed_request')
check('GET /v1/realtime?intent=transcription', {
  ...UNREAD,
  stream: undefined,
  endpoint: '/realtime',
  query: 'intent=transcription',
})
check('GET /v1/realtime?model=a&model=b', 'malformed_request')
check('GET /v1/realtime?model=a&deployment=b', 'malformed_request')
check('GET /v1/realtime?mod%65l=a', 'malformed_request')
check('GET /v1/realtime?Model=a', 'malformed_request')
check('GET /v1/realtime?x=1;model=b&model=a', 'malformed_request')
check('GET /v1/realtime?model=a%2525', 'malformed_request')
check('/v1beta/openai/chat/completions', { ...JSON_MODEL, operation: 'Chat', endpoint: '/chat/completions' })

// Azure, both of its addressings.
const AZURE_CHAT = { ...JSON_MODEL, addressing: 'Azure', operation: 'Chat', endpoint: '/chat/completions' } as const
check('/openai/deployments/d/chat/completions?api-version=2024-02-01', {
  ...AZURE_CHAT,
  model: 'd',
  query: 'api-version=2024-02-01',
})
check('//openai/deployments/d/chat/completions', { ...AZURE_CHAT, model: 'd' })
check('/openai/deployments/accounts%2Ffireworks%2Fmodels%2Fx/chat/completions', {
  ...AZURE_CHAT,
  model: 'accounts/fireworks/models/x',
})
check('/openai/deployments/accounts/fireworks/models/x/chat/completions', {
  ...AZURE_CHAT,
  model: 'accounts/fireworks/models/x',
})
check('/openai/deployments/d/completions', {
  ...AZURE_CHAT,
  model: 'd',
  operation: 'Completions',
  endpoint: '/completions',
})
check('/openai/deployments/d/audio/transcriptions', {
  ...AZURE_CHAT,
  model: 'd',
  operation: 'Audio',
  endpoint: '/audio/transcriptions',
  body: 'Form',
})
check('/openai/deployments/d/extensions/x', {
  ...AZURE_CHAT,
  model: 'd',
  operation: 'Other',
  endpoint: '/extensions/x',
  body: 'Unread',
  stream: undefined,
})
check('/openai/v1/responses', { ...OPTIONAL_MODEL, operation: 'Responses', endpoint: '/responses' })
check('//openai/v1/responses', { ...OPTIONAL_MODEL, operation: 'Responses', endpoint: '/responses' })
check('/openai/responses?api-version=1', {
  ...AZURE_CHAT,
  needsModel: false,
  operation: 'Responses',
  endpoint: '/responses',
  query: 'api-version=1',
})
check('GET /openai/realtime?deployment=d', {
  ...UNREAD,
  addressing: 'Azure',
  stream: undefined,
  endpoint: '/realtime',
  model: 'd',
  query: 'deployment={model}',
})
check('/openai/files?api-version=1', { ...UNREAD, addressing: 'Azure', endpoint: '/files', query: 'api-version=1' })
check('GET /openai/deployments/d/chat/completions', {
  ...AZURE_CHAT,
  model: 'd',
  operation: 'Other',
  body: 'Unread',
})
check('/openai/Deployments/d/chat/completions', 'malformed_request')
check('/openai/deployments/d/chat/Completions', 'malformed_request')
check('/openai/deployments/d/chat%2Fcompletions', 'malformed_request')
check('/openai/deployments/../chat/completions', 'malformed_request')
check('/openai/deployments/%2e%2e/chat/completions', 'malformed_request')
check('/openai/deployments//chat/completions', 'malformed_request')
check('/openai/v1/v2', { ...UNREAD, endpoint: '/v2' })

// Anthropic, of both SDK generations: with and without the header, for the path is nobody else's.
for (const headers of [ANTHROPIC, [], GEMINI]) {
  check(
    '/v1/messages',
    { ...JSON_MODEL, dialect: 'Anthropic', operation: 'Messages', endpoint: '/v1/messages' },
    headers,
  )
}
check('/v1/messages/count_tokens?beta=true', {
  ...JSON_MODEL,
  dialect: 'Anthropic',
  operation: 'Messages',
  endpoint: '/v1/messages/count_tokens',
  query: 'beta=true',
})
check('/v1/complete', { ...JSON_MODEL, dialect: 'Anthropic', operation: 'Completions', endpoint: '/v1/complete' })
check('/v1/messages/batches', { ...UNREAD, dialect: 'Anthropic', endpoint: '/v1/messages/batches' })
check('/v1/files', { ...UNREAD, dialect: 'Anthropic', endpoint: '/v1/files' }, ANTHROPIC)
check('/v1/files', { ...UNREAD, dialect: 'Gemini', endpoint: '/v1/files' }, GEMINI)
check('/v1/files', { ...UNREAD, endpoint: '/files' })

// Gemini, of both SDK generations: /v1beta with the key in a header or in the query, /v1 with neither.
const GENERATE = { ...JSON_MODEL, dialect: 'Gemini', operation: 'Chat', stream: false } as const
check('/v1beta/models/gemini-2.5-flash:generateContent?key=SECRET', {
  ...GENERATE,
  endpoint: '/v1beta/models/{model}:generateContent',
  model: 'gemini-2.5-flash',
})
for (const headers of [[], GEMINI, ANTHROPIC]) {
  check(
    '/v1/models/gemini-3-pro:streamGenerateContent?alt=sse',
    {
      ...GENERATE,
      endpoint: '/v1/models/{model}:streamGenerateContent',
      model: 'gemini-3-pro',
      query: 'alt=sse',
      stream: true,
    },
    headers,
  )
}
check('/v1beta/tunedModels/t:generateContent', {
  ...GENERATE,
  endpoint: '/v1beta/models/{model}:generateContent',
  model: 'tunedModels/t',
})
for (const model of ['accounts%2Ffireworks%2Fmodels%2Fx', 'accounts/fireworks/models/x']) {
  check(`/v1beta/models/${model}:countTokens`, {
    ...GENERATE,
    endpoint: '/v1beta/models/{model}:countTokens',
    model: 'accounts/fireworks/models/x',
  })
}
check('/v1beta/models/a%3Ab:generateContent', {
  ...GENERATE,
  endpoint: '/v1beta/models/{model}:generateContent',
  model: 'a:b',
})
check('/v1beta/models/a+b:generateContent', {
  ...GENERATE,
  endpoint: '/v1beta/models/{model}:generateContent',
  model: 'a+b',
})
for (const method of ['embedContent', 'batchEmbedContents']) {
  check(`/v1beta/models/e:${method}`, {
    ...GENERATE,
    operation: 'Embeddings',
    endpoint: `/v1beta/models/{model}:${method}`,
    model: 'e',
  })
}
check('/v1beta/models/imagen:predict', {
  ...GENERATE,
  operation: 'Images',
  endpoint: '/v1beta/models/{model}:predict',
  model: 'imagen',
})
check('/v1beta/models/veo:predictLongRunning', {
  ...GENERATE,
  operation: 'Other',
  endpoint: '/v1beta/models/{model}:predictLongRunning',
  model: 'veo',
  body: 'Unread',
})
check('GET /v1beta/models/veo/operations/7', {
  ...UNREAD,
  dialect: 'Gemini',
  endpoint: '/v1beta/models/veo/operations/7',
})
check('/v1beta/models/veo/operations/7:cancel', {
  ...UNREAD,
  dialect: 'Gemini',
  endpoint: '/v1beta/models/veo/operations/7:cancel',
})
for (const version of ['v1', 'v1beta']) {
  check(`/${version}/interactions`, {
    ...JSON_MODEL,
    dialect: 'Gemini',
    operation: 'Other',
    endpoint: `/${version}/interactions`,
    needsModel: false,
  })
  check(`/upload/${version}/files`, { ...UNREAD, dialect: 'Gemini', endpoint: `/upload/${version}/files` })
}
check('GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k', {
  ...UNREAD,
  dialect: 'Gemini',
  endpoint: '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent',
})
check('/v1beta/models/x:GenerateContent', 'unknown_path')
check('/v1beta/models/x%3AgenerateContent', 'unknown_path')
check('/v1beta/dynamic/x:generateContent', 'unknown_path')
check('/v1/projects/p/locations/l/publishers/google/models/g:generateContent', 'unknown_path')
check('/v1beta/models/%ff:generateContent', 'malformed_request')
check('/v1beta/models/%zz:generateContent', 'malformed_request')
check('/v1beta/models/a%252fb:generateContent', 'malformed_request')
check('/v1beta/models/a%00b:generateContent', 'malformed_request')
check('/v1beta/models/a%5cb:generateContent', 'malformed_request')
check('/v1beta/models/%2e%2e%2Fx:generateContent', 'malformed_request')
check('/v1beta/models/a//b:generateContent', 'malformed_request')
check(`/v1beta/models/${'m'.repeat(257)}:generateContent`, 'malformed_request')

// What Outrigger answers itself.
const MODELS = { ...UNREAD, operation: 'Models' } as const
check('GET /v1/models', { ...MODELS, endpoint: '/models' })
check(
  'GET /v1/models?limit=20',
  { ...MODELS, dialect: 'Anthropic', endpoint: '/v1/models', query: 'limit=20' },
  ANTHROPIC,
)
check('GET /v1/models', { ...MODELS, dialect: 'Gemini', endpoint: '/v1/models' }, GEMINI)
check('GET /v1beta/models', { ...MODELS, dialect: 'Gemini', endpoint: '/v1beta/models' })
check('GET /v1beta/models/x', { ...MODELS, dialect: 'Gemini', endpoint: '/v1beta/models/{model}', model: 'x' })
check('GET /v1/models/ft:gpt-5:acme', { ...MODELS, endpoint: '/models/{model}', model: 'ft:gpt-5:acme' })
check('GET /v1/models/accounts%2Fx', { ...MODELS, endpoint: '/models/{model}', model: 'accounts/x' })
check('GET /openai/v1/models', { ...MODELS, endpoint: '/models' })
check('GET /openai/models', { ...MODELS, addressing: 'Azure', endpoint: '/models' })
check('DELETE /v1/models/ft:gpt-5:acme', { ...UNREAD, endpoint: '/models/ft:gpt-5:acme' })

// Passed unread, as sent.
check('GET /v1/chat/completions', { ...UNREAD, endpoint: '/chat/completions' })
check('GET /v1/responses/resp_1?stream=true', { ...UNREAD, endpoint: '/responses/resp_1', query: 'stream=true' })
check('GET /v1/files/a%20b', { ...UNREAD, endpoint: '/files/a%20b' })
check('GET /v1/chat/completions', 'malformed_request', ['X-HTTP-Method-Override', 'POST'])

// Other spellings of a path that is read.
for (const path of [
  '/v1/chat/completions/',
  '/v1//chat/completions',
  '//v1/chat/completions',
  '/v1/./chat/completions',
  '/v1/files/../chat/completions',
  '/v1/files/%2e%2E/chat/completions',
  '/v1/files/..%2fchat/completions',
  '/v1/files%2f..%2fchat%2fcompletions',
  '/v1/files/%252e%252e/chat/completions',
  '/v1/chat%2Fcompletions',
  '/v1/chat%5ccompletions',
  '/v1/chat\\completions',
  '/v1/%63hat/completions',
  '/v1/Chat/Completions',
  '/v1/chat/completions;a=b',
  '/v1/chat/completions%00',
  '/v1/chat/completions%3Fx',
  '/v1/chat/completions%20%',
  '/v1/chat/completions#x',
  '/v1/chät',
]) {
  check(path, 'malformed_request')
}
check('/v1/chat/completions?a#b', 'malformed_request')
check('/v1/chat/completions?a=\u00e4', 'malformed_request')
check('/v1/chat/completions?k%zzey=1', 'malformed_request')

// Nobody's.
for (const path of [
  '/',
  '/v1',
  '/V1/chat/completions',
  '/chat/completions',
  '/api/v1/chat/completions',
  '/v2/rerank',
]) {
  check(path, 'unknown_path')
}

test('takes the key out of a query in every spelling and leaves the rest as sent', () => {
  const query = 'a=%20&key=S&k%65y=S&KEY=S&%24alt=json%3Benum-encoding%3Dint&access_token=S&api-key=S&keys=1&b'
  expect(classify(headOf(`/v1beta/models/x:generateContent?${query}`)).query).toBe(
    'a=%20&%24alt=json%3Benum-encoding%3Dint&keys=1&b',
  )
})

test('names the dialect for the error of a request that cannot be classified', () => {
  const lines = [
    '/v1/messages/../x',
    '/v1beta/%zz',
    '/openai/Deployments/x',
    '/nowhere',
    '/v1/models/%zz:generateContent',
    '/model/%zz/converse',
  ]
  const dialects = ['Anthropic', 'Gemini', 'OpenAI', 'OpenAI', 'Gemini', 'Bedrock']
  expect(lines.map((line) => dialectOf(headOf(line)))).toEqual(dialects)
  expect(dialectOf(headOf('/nowhere', ANTHROPIC))).toBe('Anthropic')
  expect(dialectOf(headOf('/nowhere', ['X-Goog-Api-Key', 'k']))).toBe('Gemini')
})
