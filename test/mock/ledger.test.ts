import { request } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import type { AnswerAccount, LedgerRow, LedgerSum } from '../../mock/ledger.ts'
import { until } from '../support/client.ts'
import { chatBody, mockForTests, type RawRequest, send } from './with-mock.ts'

let nowMs = Date.UTC(2026, 10, 20, 12)
const heard: AnswerAccount[] = []
const mock = mockForTests({ wallClock: () => nowMs, onAnswer: (account) => heard.push(account) })

const VERSION = { 'anthropic-version': '2023-06-01' }
/** "Hello there" and "You said: Hello there". */
const [ASKED, ANSWERED] = [3, 6]

const NOTHING: LedgerSum = {
  requests: 0,
  silent: 0,
  inputTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  sentTokens: 0,
}

function rowOf(model: string): LedgerRow | undefined {
  return mock()
    .ledger()
    .rows.find((row) => row.model === model)
}

function chatOf(model: string, more: object = {}, headers: Record<string, string> = {}): RawRequest {
  return { body: chatBody({ model, ...more }), headers }
}

function messagesOf(model: string, more: object = {}, headers: Record<string, string> = {}): RawRequest {
  return {
    path: '/v1/messages',
    body: chatBody({ model, max_tokens: 100, ...more }),
    headers: { ...VERSION, ...headers },
  }
}

function geminiOf(model: string, method: string, headers: Record<string, string> = {}): RawRequest {
  return {
    path: `/v1beta/models/${model}:${method}`,
    body: { contents: [{ parts: [{ text: 'Hello there' }] }] },
    headers,
  }
}

const STREAM = { stream: true }
const WITH_USAGE = { ...STREAM, stream_options: { include_usage: true } }
const USED = { 'x-mock-cached': '2', 'x-mock-cache-write': '1', 'x-mock-reasoning': '10' }
const ALL_USED = { cachedTokens: 2, cacheWriteTokens: 1, outputTokens: ANSWERED + 10, reasoningTokens: 10 }

describe('an answer that went out whole counts as what it told', () => {
  const cases: [string, (model: string) => RawRequest, Partial<LedgerSum>][] = [
    ['chat', (model) => chatOf(model, {}, USED), ALL_USED],
    ['chat in two choices', (model) => chatOf(model, { n: 2 }), { outputTokens: 2 * ANSWERED }],
    ['chat in a stream with usage', (model) => chatOf(model, WITH_USAGE, USED), ALL_USED],
    [
      'chat in a stream without',
      (model) => chatOf(model, STREAM, USED),
      { silent: 1, inputTokens: 0, outputTokens: 0 },
    ],
    [
      'a tool call',
      (model) => chatOf(model, { tools: [{ type: 'function', function: { name: 'look' } }] }, { 'x-mock-tools': '' }),
      // `look` and `{}`, asked and answered.
      { inputTokens: 5, outputTokens: 2 },
    ],
    [
      'responses in a stream',
      (model) => ({ path: '/v1/responses', body: { model, input: 'Hello there', ...STREAM }, headers: USED }),
      ALL_USED,
    ],
    [
      'completions',
      (model) => ({ path: '/v1/completions', body: { model, prompt: 'Hello there' }, headers: USED }),
      ALL_USED,
    ],
    ['embeddings', (model) => ({ path: '/v1/embeddings', body: { model, input: 'Hello there' } }), { outputTokens: 0 }],
    ['messages', (model) => messagesOf(model, {}, USED), ALL_USED],
    ['messages in a stream', (model) => messagesOf(model, STREAM, USED), ALL_USED],
    [
      'gemini, which tells of no cache writes',
      (model) => geminiOf(model, 'generateContent', USED),
      { ...ALL_USED, cacheWriteTokens: 0 },
    ],
    [
      'gemini in a stream',
      (model) => geminiOf(model, 'streamGenerateContent?alt=sse', USED),
      { ...ALL_USED, cacheWriteTokens: 0 },
    ],
  ]

  test.each(cases)('%s', async (name, requestOf, expected) => {
    const model = name.replaceAll(/\W+/g, '-')
    await send(mock(), requestOf(model))
    const counted = { requests: 1, inputTokens: ASKED, outputTokens: ANSWERED, ...expected }
    expect(rowOf(model)).toMatchObject({
      day: '2026-11-20',
      whole: { ...NOTHING, ...counted, sentTokens: expect.anything() },
    })
    expect(rowOf(model)?.brokenOff).toEqual(NOTHING)
  })
})

describe('an answer that broke off counts apart, as what it had told and sent', () => {
  // message_start, content_block_start, ping, then a word each; the first two are of nine bytes together.
  const cut = { 'x-mock-cut-after-events': '5' }
  const told = { requests: 1, inputTokens: ASKED, outputTokens: 1, sentTokens: 3 }
  const cases: [string, (model: string) => RawRequest, Partial<LedgerSum>][] = [
    ['cut between events', (model) => messagesOf(model, STREAM, cut), told],
    ['cut, and ended properly', (model) => messagesOf(model, STREAM, { ...cut, 'x-mock-cut': 'clean' }), told],
    ['ended by an error', (model) => messagesOf(model, STREAM, { 'x-mock-error-in-stream': 'after-5' }), told],
    [
      'cut before it told',
      (model) => chatOf(model, WITH_USAGE, { 'x-mock-cut-after-events': '2' }),
      { requests: 1, silent: 1, sentTokens: 1 },
    ],
  ]

  test.each(cases)('%s', async (name, requestOf, expected) => {
    const model = name.replaceAll(/\W+/g, '-')
    await send(mock(), requestOf(model))
    expect(rowOf(model)).toMatchObject({ whole: NOTHING, brokenOff: { ...NOTHING, ...expected } })
  })

  test('a document counts with all its bytes, since nobody knows how much of it came', async () => {
    await send(mock(), messagesOf('half', {}, { 'x-mock-cut-after-bytes': '40' }))
    expect(rowOf('half')?.brokenOff).toMatchObject({ requests: 1, silent: 1 })
    expect(rowOf('half')?.brokenOff.sentTokens).toBeGreaterThan(ANSWERED)
  })

  test('by a client that leaves, it is open until then', async () => {
    const headers = { authorization: 'Bearer sk-test', 'x-mock-stall': '3' }
    const leaving = request(`${mock().url}/v1/chat/completions`, { method: 'POST', headers, agent: false })
    leaving.on('error', () => {})
    leaving.on('response', (response) => response.on('error', () => {}).resume())
    leaving.end(JSON.stringify(chatBody({ model: 'abandoned', ...WITH_USAGE })))
    await until(
      () => mock().ledger().open,
      (open) => open === 1,
    )
    expect(rowOf('abandoned')).toBeUndefined()
    leaving.destroy()
    await until(
      () => mock().ledger().open,
      (open) => open === 0,
    )
    expect(rowOf('abandoned')).toMatchObject({ whole: NOTHING, brokenOff: { requests: 1, silent: 1 } })
  })
})

test('errors and lists use nothing', async () => {
  const before = mock().ledger()
  await send(mock(), chatOf('refused', {}, { 'x-mock-status': '500' }))
  await send(mock(), { path: '/v1/models', method: 'GET' })
  expect(mock().ledger()).toEqual(before)
})

test('a day ends at midnight UTC, whenever the answer began, and whoever listens hears of each', async () => {
  nowMs = Date.UTC(2026, 10, 20, 23, 59, 59, 999)
  await send(mock(), chatOf('late'))
  const slow = send(mock(), chatOf('late', {}, { 'x-mock-head-delay': '20' }))
  nowMs += 1
  await slow
  const days = heard.flatMap(({ day, model, whole, told }) =>
    model === 'late' ? [[day, whole, told?.outputTokens]] : [],
  )
  expect(days).toEqual([
    ['2026-11-20', true, ANSWERED],
    ['2026-11-21', true, ANSWERED],
  ])
  const rows = mock()
    .ledger()
    .rows.filter(({ model }) => model === 'late')
  expect(rows.map(({ day, whole }) => [day, whole.requests])).toEqual([
    ['2026-11-20', 1],
    ['2026-11-21', 1],
  ])
})
