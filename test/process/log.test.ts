import { expect, test } from '@jest/globals'
import { SecretValue } from '../../contract/secret.ts'
import { createLog, type LogOptions } from '../../process/log.ts'
import { redacted } from '../../process/redact.ts'

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    service: 'sidecar',
    format: 'json',
    write: (line) => void lines.push(line),
    now: () => Date.UTC(2026, 10, 21, 9, 5, 3, 7),
    ...options,
  })
  return { lines, log }
}

test('a line is JSON with time, level, message and service first', () => {
  const { lines, log } = logged()
  log.info('config adopted', { revision: 'abc', providers: 2 })
  expect(lines).toEqual([
    '{"time":"2026-11-21T09:05:03.007Z","level":"info","msg":"config adopted","service":"sidecar",' +
      '"revision":"abc","providers":2}\n',
  ])
})

test('fields cannot take the place of time, level, message and service', () => {
  const { lines, log } = logged()
  log.warn('real', { time: 'x', level: 'x', msg: 'x', service: 'x', message: 'mine' })
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: '2026-11-21T09:05:03.007Z',
    level: 'warn',
    msg: 'real',
    service: 'sidecar',
    message: 'mine',
  })
})

test('the level is kept, and changes with the next line', () => {
  const { lines, log } = logged({ level: 'warn' })
  const all = () => {
    log.error('e')
    log.warn('w')
    log.info('i')
    log.debug('d')
  }
  all()
  log.setLevel('debug')
  all()
  log.setLevel('error')
  all()
  expect(lines.map((line) => JSON.parse(line).msg).join('')).toBe('ewewide')
})

test('on a terminal a line is for human eyes', () => {
  const { lines, log } = logged({ format: 'pretty' })
  log.warn('config rejected', { path: '/etc/x.yaml', reason: 'no such field', line: 7 })
  expect(lines).toEqual(['09:05:03.007 warn  config rejected path=/etc/x.yaml reason="no such field" line=7\n'])
})

test('a line in the middle of a burst is not lost', () => {
  const { lines, log } = logged()
  for (let i = 0; i < 500; i++) log.info('line', { i })
  expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 500 }, (_, i) => i))
})

test.each([
  ['a secret value', { key: new SecretValue('sk-1234567890') }, { key: '[redacted]' }],
  [
    'credential headers in any spelling',
    { headers: { Authorization: 'x', 'api-key': 'x', 'X-Api-Key': 'x', x_goog_api_key: 'x', accept: 'y' } },
    {
      headers: {
        Authorization: '[redacted]',
        'api-key': '[redacted]',
        'X-Api-Key': '[redacted]',
        x_goog_api_key: '[redacted]',
        accept: 'y',
      },
    },
  ],
  [
    'keys inside a text',
    { body: 'bad key sk-proj-abc_DEF123, AIzaSyA0123456789012345678901234567890, Bearer abcdefgh1' },
    { body: 'bad key [redacted], [redacted], [redacted]' },
  ],
  ['a list', { names: ['a', { password: 'p' }] }, { names: ['a', { password: '[redacted]' }] }],
  ['token counts stay', { inputTokens: 5, tokens: 3n }, { inputTokens: 5, tokens: '3' }],
  ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['nothing', { a: null, b: undefined, c: true }, { a: null, b: undefined, c: true }],
])('fields are redacted: %s', (_name, fields, expected) => {
  expect(redacted(fields)).toEqual(expected)
})

test('an error keeps its code and cause, without the key that its message repeats', () => {
  const cause = new Error('Incorrect API key provided: sk-abcdefgh1234')
  const error = Object.assign(new TypeError('failed', { cause }), { code: 'ECONNRESET' })
  const { lines, log } = logged()
  log.error('provider failed', { error })
  expect(lines[0]).not.toContain('sk-abc')
  expect(JSON.parse(lines[0] ?? '').error).toMatchObject({
    name: 'TypeError',
    message: 'failed',
    code: 'ECONNRESET',
    cause: { message: 'Incorrect API key provided: [redacted]' },
  })
})

test('a circular object and an endless text end', () => {
  const circular: Record<string, unknown> = { text: 'x'.repeat(20_000) }
  circular.self = circular
  const { lines, log } = logged()
  log.info('odd', circular)
  expect(lines[0]?.length).toBeLessThan(70_000)
})
