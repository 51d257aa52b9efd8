import { describe, expect, test } from '@jest/globals'
import type { Operation } from '../../../contract/sidecar-config.ts'
import { type Asked, Estimator, expectedUsage } from '../../../sidecar/limits/estimate.ts'
import { measureBody } from '../../../sidecar/limits/estimate-body.ts'
import { Recent } from '../../../sidecar/limits/estimate-recent.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'

interface Asking {
  model?: string
  owner?: string
  operation?: Operation
  endpoint?: string
  format?: 'json' | 'multipart'
  maxTokens?: number
}

/** A request of so many bytes of text, or with this body. */
function asked(body: number | string, change: Asking = {}): Asked {
  const {
    model = 'm',
    owner = 'shop/chat/fast',
    operation = 'Chat',
    endpoint = '/chat/completions',
    format = 'json',
  } = change
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.alloc(body, 'some text ')
  const fields = { format, insertAt: 1, empty: false, spans: new Map() }
  return { model, owner, request: { operation, endpoint, body: bytes, fields }, maxTokens: change.maxTokens }
}

function used(inputTokens: number, outputTokens: number, change: Partial<Usage> = {}): Usage {
  return { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, ...change }
}

function learn(estimator: Estimator, request: Asked, usage: Usage, times = 1): void {
  for (let i = 0; i < times; i++) estimator.learn(estimator.expect(request), usage)
}

describe('input', () => {
  test('begins with a token for four bytes', () => {
    expect(new Estimator().expect(asked(4000))).toMatchObject({ inputTokens: 1000 })
  })

  test('follows what a model really counts, and only that model', () => {
    const estimator = new Estimator()
    learn(estimator, asked(20_000), used(3000, 1), 100)
    const { inputTokens } = estimator.expect(asked(40_000))
    expect(Math.abs(inputTokens - 6000)).toBeLessThan(60)
    expect(estimator.expect(asked(40_000, { model: 'other' })).inputTokens).toBe(10_000)
  })

  test('comes back from one odd request: what a search of the provider’s own found is no ratio', () => {
    const estimator = new Estimator()
    learn(estimator, asked(8000), used(2000, 1), 50)
    learn(estimator, asked(300), used(90_000, 1))
    expect(Math.abs(estimator.expect(asked(40_000)).inputTokens - 10_000)).toBeLessThan(200)
  })

  test('a picture is no text, and teaches nothing about text', () => {
    const estimator = new Estimator()
    const picture = `{"model":"m","content":"what is this","image":"data:image/png;base64,${'iVBORw0KGgo'.repeat(100_000)}"}`
    expect(estimator.expect(asked(picture)).inputTokens).toBeLessThan(1600)
    learn(estimator, asked(picture), used(800, 1), 100)
    expect(Math.abs(estimator.expect(asked(picture)).inputTokens - 800)).toBeLessThan(20)
    expect(estimator.expect(asked(4000)).inputTokens).toBe(1000)
  })

  test.each([
    ['slashes are escaped', 'iVBORw0KG\\/'],
    ['lines are broken', `${'iVBORw0KGgo'.repeat(7)}\\r\\n`],
  ])('a picture is none either where its %s', (_, run) => {
    const picture = `{"model":"m","image":"data:image\\/png;base64,${run.repeat(100_000)}"}`
    expect(new Estimator().expect(asked(picture)).inputTokens).toBeLessThan(1600)
  })

  test('text that is escaped throughout is text', () => {
    const text = `{"model":"m","content":"${'\\u4f60\\u597d'.repeat(4000)}"}`
    expect(new Estimator().expect(asked(text)).inputTokens).toBe(Math.ceil(text.length / 4))
  })

  test('a form is a file', () => {
    const form = asked(3_000_000, { operation: 'Audio', endpoint: '/audio/transcriptions', format: 'multipart' })
    expect(new Estimator().expect(form).inputTokens).toBe(1500)
  })

  test('small bodies are counted where there is a tokenizer, and the template’s part is learned', () => {
    const estimator = new Estimator((model) => (model === 'm' ? { count: (body) => body.length / 5 } : undefined))
    expect(estimator.expect(asked(5000)).inputTokens).toBe(1000)
    expect(estimator.expect(asked(5000, { model: 'other' })).inputTokens).toBe(1250)
    expect(estimator.expect(asked(8193)).inputTokens).toBe(Math.ceil(8193 / 4))
    learn(estimator, asked(5000), used(1100, 1), 200)
    expect(Math.abs(estimator.expect(asked(2500)).inputTokens - 550)).toBeLessThan(5)
  })

  test('bytes decide where a tokenizer declines', () => {
    expect(new Estimator(() => ({ count: () => undefined })).expect(asked(4000)).inputTokens).toBe(1000)
  })
})

describe('output', () => {
  test('begins with 1,024, or with what the request allows', () => {
    expect(new Estimator().expect(asked(1)).outputTokens).toBe(1024)
    expect(new Estimator().expect(asked(1, { maxTokens: 300 })).outputTokens).toBe(300)
    expect(new Estimator().expect(asked(1, { maxTokens: 64_000 })).outputTokens).toBe(1024)
  })

  test('is what answers of that model for that owner come to, never more than the request allows', () => {
    const estimator = new Estimator()
    learn(estimator, asked(100), used(25, 300), 20)
    const { outputTokens } = estimator.expect(asked(100, { maxTokens: 64_000 }))
    expect(outputTokens).toBeGreaterThanOrEqual(300)
    expect(outputTokens).toBeLessThanOrEqual(324)
    expect(estimator.expect(asked(100, { maxTokens: 50 })).outputTokens).toBe(50)
    expect(estimator.expect(asked(100, { owner: 'shop/chat/slow' })).outputTokens).toBe(1024)
    expect(estimator.expect(asked(100, { model: 'other' })).outputTokens).toBe(1024)
  })

  test('a few short answers do not lower it yet, one long answer raises it', () => {
    const estimator = new Estimator()
    learn(estimator, asked(100), used(25, 10), 19)
    expect(estimator.expect(asked(100)).outputTokens).toBe(1024)
    learn(estimator, asked(100, { owner: 'b' }), used(25, 5000))
    expect(estimator.expect(asked(100, { owner: 'b' })).outputTokens).toBeGreaterThanOrEqual(5000)
  })

  test('answers that their own bound cut short do not lower what is expected of others, and long ones raise it', () => {
    const estimator = new Estimator()
    learn(estimator, asked(100, { maxTokens: 1 }), used(25, 1), 200)
    expect(estimator.expect(asked(100)).outputTokens).toBe(1024)
    learn(estimator, asked(100, { maxTokens: 5000 }), used(25, 5000))
    expect(estimator.expect(asked(100)).outputTokens).toBeGreaterThanOrEqual(5000)
  })

  test('is none where none is made', () => {
    expect(new Estimator().expect(asked(4000, { operation: 'Embeddings' }))).toMatchObject({
      inputTokens: 1000,
      outputTokens: 0,
    })
  })
})

test.each<[string, Asking]>([
  ['a list', { operation: 'Models' }],
  ['what passes unread', { operation: 'Other' }],
  ['a count of tokens (Anthropic)', { operation: 'Messages', endpoint: '/v1/messages/count_tokens' }],
  ['a count of tokens (OpenAI)', { operation: 'Responses', endpoint: '/responses/input_tokens' }],
  ['a count of tokens (Gemini)', { endpoint: '/v1beta/models/{model}:countTokens' }],
  ['a count of tokens (Bedrock)', { endpoint: '/model/{model}/count-tokens' }],
])('%s is expected to use nothing, and teaches nothing', (_name, asking) => {
  const estimator = new Estimator()
  const request = asked(4000, asking)
  expect(estimator.expect(request)).toMatchObject({ inputTokens: 0, outputTokens: 0, images: 0 })
  learn(estimator, request, used(3, 5000))
  expect(estimator.expect(asked(4000))).toMatchObject({ inputTokens: 1000, outputTokens: 1024 })
})

test('what was estimated teaches nothing', () => {
  const estimator = new Estimator()
  learn(estimator, asked(4000), used(1, 9000, { estimated: true }), 50)
  estimator.learnContent('m', 4, used(1, 9000, { estimated: true }))
  expect(estimator.expect(asked(4000))).toMatchObject({ inputTokens: 1000, outputTokens: 1024 })
  expect(estimator.assumed(asked(4000)).outputOf(400)).toBe(100)
})

test('output by the bytes of a stream follows the streams that were whole', () => {
  const estimator = new Estimator()
  for (let i = 0; i < 100; i++) estimator.learnContent('m', 2000, used(1, 1000))
  expect(Math.abs(estimator.assumed(asked(1)).outputOf(400) - 200)).toBeLessThan(5)
  expect(estimator.assumed(asked(1, { model: 'other' })).outputOf(400)).toBe(100)
})

test('an answer that broke off is taken for its expected input, and for the output that passed', () => {
  const { inputTokens, outputOf } = new Estimator().assumed(asked(4000))
  expect([inputTokens, outputOf(0), outputOf(1), outputOf(41)]).toEqual([1000, 0, 1, 11])
})

test('an expectation can be priced', () => {
  expect(expectedUsage(new Estimator().expect(asked(400, { operation: 'Images' })))).toEqual(
    used(100, 1024, { estimated: true, images: 1 }),
  )
  expect(expectedUsage(new Estimator().expect(asked(400)))).toEqual(used(100, 1024, { estimated: true }))
})

describe('the text in a body', () => {
  const blob = 'QUJDREVGR0g'.repeat(1000)
  test.each<[string, string, { textBytes: number; blobs: number }]>([
    ['words', `{"a":"${'some words '.repeat(2000)}"}`, { textBytes: 22_008, blobs: 0 }],
    ['another script, without spaces', `{"a":"${'漢字'.repeat(4000)}"}`, { textBytes: 24_008, blobs: 0 }],
    ['one picture', `{"a":"hi","b":"${blob}"}`, { textBytes: 17, blobs: 1 }],
    ['a picture as an address', `{"b":"data:image/png;base64,${blob}"}`, { textBytes: 8, blobs: 1 }],
    ['several', `{"b":["${blob}","x","${blob}","${blob}"]}`, { textBytes: 20, blobs: 3 }],
    ['short runs', `{"b":"${blob.slice(0, 4000)}"}`, { textBytes: 4008, blobs: 0 }],
    ['a run that never ends', `{"b":"${blob}`, { textBytes: 11_006, blobs: 0 }],
    ['nothing', '', { textBytes: 0, blobs: 0 }],
  ])('%s', (_name, body, size) => expect(measureBody(Buffer.from(body))).toEqual(size))
})

describe('what is kept', () => {
  test('is bounded: the one that was asked for the longest ago goes', () => {
    const recent = new Recent(3, () => ({ learned: 0 }))
    for (const key of ['a', 'b', 'c']) recent.at(key).learned = 1
    recent.at('a')
    recent.at('d')
    expect(recent.size).toBe(3)
    expect(['a', 'c', 'd'].map((key) => recent.at(key).learned)).toEqual([1, 1, 0])
    expect(recent.at('b').learned).toBe(0)
  })

  test('a model that is asked for again and again is not forgotten for others that clients make up', () => {
    const estimator = new Estimator()
    learn(estimator, asked(20_000), used(10_000, 300), 30)
    for (let i = 0; i < 3000; i++) {
      estimator.expect(asked(10, { model: `made-up-${i}` }))
      if (i % 500 === 0) estimator.expect(asked(10))
    }
    expect(estimator.expect(asked(20_000)).outputTokens).toBeLessThan(330)
    expect(estimator.expect(asked(20_000)).inputTokens).toBeGreaterThan(9000)
  })
})
