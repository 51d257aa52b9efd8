import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { type AccessLogOptions, createAccessLog } from '../../../sidecar/telemetry/access-log.ts'
import { createTimestamps, millis, quoted, usd } from '../../../sidecar/telemetry/json-text.ts'
import { createRecord, type RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import { attempt, record, skipped } from './records.ts'

const NOW = Date.UTC(2026, 10, 21, 9, 5, 3, 7)

beforeEach(() => {
  jest.useFakeTimers()
})

afterEach(() => {
  jest.useRealTimers()
})

/** A sink whose writes end when the test says so. */
function slowSink() {
  const writes: { text: string; done: () => void }[] = []
  return { writes, write: (bytes: Buffer, done: () => void) => void writes.push({ text: bytes.toString(), done }) }
}

function logTo(sink: ReturnType<typeof slowSink>, options: Partial<AccessLogOptions> = {}) {
  return createAccessLog({ write: sink.write, now: () => NOW, ...options })
}

function lineOf(one: RequestRecord): string {
  const sink = slowSink()
  void logTo(sink, { bufferBytes: 1 }).append(one)
  return sink.writes[0]?.text ?? ''
}

test('a line tells everything about a request, in a fixed order', () => {
  expect(lineOf(record({ stream: true, firstByteMs: 41.0426, durationMs: 1500 }))).toBe(
    '{"time":"2026-11-21T09:05:03.007Z","level":"info","msg":"access","requestId":"0193f4c2-7c1e","method":"POST",' +
      '"dialect":"OpenAI","operation":"Chat","stream":true,"route":"shop/chat","rule":"fast","provider":"ai/openai",' +
      '"model":"gpt-5-mini","requestedModel":"fast","credential":"primary","attempts":1,"why":"weight 9 of 10","circuit":"Closed","status":200,"fault":null,' +
      '"failure":null,"firstByteMs":41.043,"durationMs":1500.000,"bytesIn":300,"bytesOut":4000,"inputTokens":100,' +
      '"cachedInputTokens":40,"cacheWriteTokens":5,"outputTokens":30,"reasoningTokens":10,"costUsd":"0.0000015"}\n',
  )
})

test('a single attempt that went well is told by the line itself', () => {
  expect(lineOf(record({ tries: [attempt()] }))).toBe(lineOf(record()))
})

const FAILED = attempt({
  outcome: 'provider_error',
  status: 529,
  reason: 'ServerError',
  word: 'overloaded_error',
  durationMs: 310.5,
  firstByteMs: undefined,
  usage: undefined,
  costPicoUsd: undefined,
})

test('attempts that failed and backends that were passed over follow at the end, in order', () => {
  const last = attempt({ provider: 'ai/backup', model: '', credential: '', waitedMs: 201.25, why: 'priority 1' })
  const passed = skipped({ provider: 'ai/second', circuit: 'Open', word: 'CircuitOpen', why: 'circuit open' })
  const line = lineOf(record({ attempts: 2, tries: [FAILED, passed, last], skippedMore: 3 }))
  expect(line.slice(line.indexOf(',"tries"'))).toBe(
    ',"tries":[' +
      '{"provider":"ai/openai","model":"gpt-5-mini","credential":"primary","outcome":"provider_error","status":529,' +
      '"reason":"ServerError","word":"overloaded_error","circuit":"Closed","waitedMs":0.000,"durationMs":310.500,' +
      '"firstByteMs":null,"why":"weight 9 of 10"},' +
      '{"provider":"ai/second","model":"gpt-5-mini","credential":null,"outcome":"Skipped","status":null,"reason":null,' +
      '"word":"CircuitOpen","circuit":"Open","waitedMs":null,"durationMs":null,"firstByteMs":null,"why":"circuit open"},' +
      '{"provider":"ai/backup","model":null,"credential":null,"outcome":"Answered","status":200,"reason":null,' +
      '"word":null,"circuit":"Closed","waitedMs":201.250,"durationMs":1500.000,"firstByteMs":200.000,"why":"priority 1"}' +
      '],"skippedMore":3}\n',
  )
})

test('what limits did is told where they did something, and a key that holds a header is cut short', () => {
  const limits = {
    limited: {
      limit: 'route:shop/chat/fast/rpm',
      key: `Header:x-team="${'z'.repeat(100)}`,
      allows: '600 requests in 1m',
    },
    shadowed: ['route:shop/chat/fast/tpm', 'provider:ai/openai/tpm'],
    warnings: ['route:shop/chat/fast/month 80 %'],
    reservedTokens: 1124,
  }
  const line = lineOf(record({ ...limits, tries: [skipped()] }))
  expect(line.slice(line.indexOf(',"limit"'), line.indexOf(',"tries"'))).toBe(
    `,"limit":"route:shop/chat/fast/rpm","limitKey":"Header:x-team=\\"${'z'.repeat(49)}",` +
      '"limitAllows":"600 requests in 1m","shadow":["route:shop/chat/fast/tpm","provider:ai/openai/tpm"],"warnings":["route:shop/chat/fast/month 80 %"],' +
      '"reservedTokens":1124',
  )
  const only = lineOf(record({ limited: { limit: 'provider:ai/openai/rpm', key: '', allows: '1 request' } }))
  expect(only).toMatch(
    /,"costUsd":"0.0000015","limit":"provider:ai\/openai\/rpm","limitKey":null,"limitAllows":"1 request"\}\n$/,
  )
})

test.each([
  ['an error that the provider answered with', [attempt({ status: 400, word: 'invalid_request_error' })], 1],
  ['a failure', [FAILED], 1],
  ['only backends that were passed over', [skipped()], 1],
  ['two attempts', [FAILED, attempt()], 2],
  ['none', [], undefined],
])('tries are told where there is more to say: %s', (_name, tries, count) => {
  expect((JSON.parse(lineOf(record({ tries }))) as { tries?: object[] }).tries?.length).toBe(count)
})

test("what an earlier attempt was billed for is told with it; the last one's is the line's own", () => {
  const usage = { inputTokens: 9, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1, reasoningTokens: 0 }
  const unpriced = attempt({ outcome: 'provider_stream_error', usage, costPicoUsd: undefined })
  const priced = attempt({ outcome: 'provider_stream_error', usage, costPicoUsd: 7 })
  const tries = [unpriced, priced, attempt(), skipped()]
  expect((JSON.parse(lineOf(record({ tries }))) as { tries: object[] }).tries).toMatchObject([
    { inputTokens: 9, outputTokens: 1, costUsd: null },
    { inputTokens: 9, outputTokens: 1, costUsd: '0.000000000007' },
    expect.not.objectContaining({ inputTokens: 100 }),
    expect.not.objectContaining({ inputTokens: null }),
  ])
})

test("a provider's word can neither break the line nor fill it", () => {
  const evil = '"}]}\n{"level":"error","x":"\u2028'
  const line = lineOf(record({ tries: [attempt({ reason: 'ServerError', word: evil + 'é'.repeat(1000) })] }))
  expect(line).toMatch(/^[\x20-\x7e]+\n$/)
  expect(JSON.parse(line).tries[0].word).toHaveLength(256)
})

test('what is unknown is null, never empty or 0', () => {
  const unknown = { ...createRecord('r1', 'GET', 5), status: 404, fault: 'caller', failure: 'unknown_path' } as const
  expect(JSON.parse(lineOf(unknown))).toEqual({
    time: '2026-11-21T09:05:03.007Z',
    level: 'info',
    msg: 'access',
    requestId: 'r1',
    method: 'GET',
    dialect: null,
    operation: null,
    stream: false,
    route: null,
    rule: null,
    provider: null,
    model: null,
    requestedModel: null,
    credential: null,
    attempts: 0,
    why: null,
    circuit: null,
    status: 404,
    fault: 'caller',
    failure: 'unknown_path',
    firstByteMs: null,
    durationMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    inputTokens: null,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    outputTokens: null,
    reasoningTokens: null,
    costUsd: null,
  })
})

test('a model name from a client can neither break the line nor fill it', () => {
  const evil = '"}\n{"level":"error","x":"\u2028\ud800\u001b[31m'
  const line = lineOf(record({ requestedModel: evil + 'é'.repeat(1000) }))
  expect(line).toMatch(/^[\x20-\x7e]+\n$/)
  expect(JSON.parse(line).requestedModel).toBe((evil + 'é'.repeat(1000)).slice(0, 256))
})

test.each([
  ['plain', 'a-b_c/d.e:f@g ~', '"a-b_c/d.e:f@g ~"'],
  ['quote and backslash', 'a"b\\c', '"a\\"b\\\\c"'],
  ['control', 'a\nb\u007fc', '"a\\nb\\u007fc"'],
  ['beyond ASCII', 'é\u2028😀', '"\\u00e9\\u2028\\ud83d\\ude00"'],
  ['half a surrogate pair', '\ud83d', '"\\ud83d"'],
])('quoted text: %s', (_name, value, expected) => {
  expect(quoted(value, 100)).toBe(expected)
})

test.each([
  [0, '0'],
  [1, '0.000000000001'],
  [250_000, '0.00000025'],
  [1_000_000_000_000, '1'],
  [12_340_000_000_000, '12.34'],
  [9_007_199_254_740_991, '9007.199254740991'],
])('%d pico-USD are %s USD, exactly', (pico, expected) => {
  expect(usd(pico)).toBe(expected)
})

test.each([
  [0, '0.000'],
  [0.0004, '0.000'],
  [0.0006, '0.001'],
  [7.05, '7.050'],
  [999.9999, '1000.000'],
  [-0.1, '0.000'],
])('%d milliseconds are written as %s', (value, expected) => {
  expect(millis(value)).toBe(expected)
})

test('a timestamp is right within a second, across seconds and back', () => {
  const timestamp = createTimestamps()
  for (const ms of [NOW, NOW + 1.9, NOW + 993, NOW + 86_400_000, NOW - 1]) {
    expect(timestamp(ms)).toBe(new Date(ms).toISOString())
  }
})

test('lines are collected and written together after flushMs', () => {
  const sink = slowSink()
  const log = logTo(sink)
  log.append(record({ requestId: 'a' }))
  jest.advanceTimersByTime(99)
  log.append(record({ requestId: 'b' }))
  expect(sink.writes).toHaveLength(0)
  jest.advanceTimersByTime(1)
  expect(idsIn(sink.writes.map(({ text }) => text))).toEqual(['a', 'b'])
  expect(sink.writes).toHaveLength(1)
})

test('a full buffer is written at once', () => {
  const sink = slowSink()
  const log = logTo(sink, { bufferBytes: 2 * lineOf(record({ requestId: 'a' })).length })
  for (const requestId of ['a', 'b', 'c']) log.append(record({ requestId }))
  expect(sink.writes.map(({ text }) => idsIn([text]))).toEqual([['a', 'b']])
})

test('a second write waits for the first to be done', () => {
  const sink = slowSink()
  const log = logTo(sink, { bufferBytes: 1 })
  for (const requestId of ['a', 'b', 'c']) log.append(record({ requestId }))
  jest.advanceTimersByTime(1000)
  expect(sink.writes.map(({ text }) => idsIn([text]))).toEqual([['a']])
  sink.writes[0]?.done()
  expect(sink.writes.map(({ text }) => idsIn([text]))).toEqual([['a'], ['b']])
})

test('a sink that stands still costs at most capBytes, and whole lines are dropped and counted', () => {
  const sink = slowSink()
  const lineBytes = lineOf(record({ requestId: '10' })).length
  const log = logTo(sink, { bufferBytes: lineBytes * 3, capBytes: lineBytes * 10 })
  for (let i = 10; i < 60; i++) log.append(record({ requestId: String(i) }))
  expect(log.dropped()).toBe(40)
  for (let i = 0; i < 3; i++) sink.writes[i]?.done()
  jest.advanceTimersByTime(100)
  sink.writes[3]?.done()
  expect(idsIn(sink.writes.map(({ text }) => text))).toEqual([
    '10',
    '11',
    '12',
    '13',
    '14',
    '15',
    '16',
    '17',
    '18',
    '19',
  ])
  log.append(record({ requestId: 'after' }))
  jest.advanceTimersByTime(100)
  expect(idsIn([sink.writes[4]?.text ?? ''])).toEqual(['after'])
  expect(log.dropped()).toBe(40)
})

test('flush resolves when the last line is written, and not before', async () => {
  const sink = slowSink()
  const log = logTo(sink)
  let flushed = false
  log.append(record({ requestId: 'a' }))
  const first = log.flush().then(() => {
    flushed = true
  })
  log.append(record({ requestId: 'b' }))
  sink.writes[0]?.done()
  await Promise.resolve()
  expect(flushed).toBe(false)
  sink.writes[1]?.done()
  await first
  expect(sink.writes.map(({ text }) => idsIn([text]))).toEqual([['a'], ['b']])
  await log.flush()
})

test('after close nothing is written any more', async () => {
  const sink = slowSink()
  const log = logTo(sink)
  log.append(record({ requestId: 'a' }))
  const closed = log.close()
  sink.writes[0]?.done()
  await closed
  log.append(record({ requestId: 'late' }))
  jest.advanceTimersByTime(1000)
  expect(sink.writes).toHaveLength(1)
  expect(log.dropped()).toBe(1)
})

function idsIn(texts: string[]): string[] {
  return texts.flatMap((text) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).requestId as string),
  )
}
