// What the ledger keeps: where a request, an attempt and its cost are counted, and that no total is lost when it runs out of room.
import { expect, test } from '@jest/globals'
import { NO_USAGE, REST, type UsageRow } from '../../../contract/usage-report.ts'
import { UsageLedger, type UsageLedgerOptions } from '../../../sidecar/telemetry/usage-ledger.ts'
import { seeded } from '../../support/random.ts'
import { attempt, record, skipped } from './records.ts'

const DAY_MS = 24 * 3_600_000
const NOON = Date.UTC(2026, 10, 21, 12)

function ledgerAt(nowMs: number, options: Omit<UsageLedgerOptions, 'now'> = {}) {
  const clock = { nowMs }
  const ledger = new UsageLedger({ now: () => clock.nowMs, ...options })
  return { clock, ledger }
}

const ROW: UsageRow = {
  day: '2026-11-21',
  route: 'shop/chat',
  rule: 'fast',
  provider: 'ai/openai',
  model: 'gpt-5-mini',
  ...NO_USAGE,
  costUsd: null,
}
const USED = { inputTokens: 100, cachedInputTokens: 40, cacheWriteTokens: 5, outputTokens: 30, reasoningTokens: 10 }
const USED_TWICE = {
  inputTokens: 200,
  cachedInputTokens: 80,
  cacheWriteTokens: 10,
  outputTokens: 60,
  reasoningTokens: 20,
}
const OTHER = { provider: 'ai/backup', model: 'other' }
const UNKNOWN = { costPicoUsd: undefined }
const UNTOLD = { usage: undefined, costPicoUsd: undefined }
const FAILED = { outcome: 'provider_error', reason: 'ServerError', status: 529, ...UNTOLD } as const

const CASES: [name: string, record: ReturnType<typeof record>, rows: Partial<UsageRow>[]][] = [
  [
    'one attempt that went well',
    record({ tries: [attempt()] }),
    [{ requests: 1, attempts: 1, ...USED, costUsd: '0.0000015' }],
  ],
  [
    'a request counts where its last attempt went, attempts and costs where they arose',
    record({ ...OTHER, tries: [attempt(FAILED), skipped(), attempt(OTHER)] }),
    [
      { ...OTHER, requests: 1, attempts: 1, ...USED, costUsd: '0.0000015' },
      { attempts: 1, failedAttempts: 1 },
    ],
  ],
  [
    'an attempt that failed and was billed all the same',
    record({ tries: [attempt({ outcome: 'provider_stream_error' }), attempt()] }),
    [
      {
        requests: 1,
        attempts: 2,
        failedAttempts: 1,
        ...USED_TWICE,
        costUsd: '0.000003',
      },
    ],
  ],
  [
    'an unknown price is no cost of 0, and counts once for a request',
    record({ tries: [attempt({ ...UNKNOWN, outcome: 'provider_stream_error', usage: USED }), attempt(UNKNOWN)] }),
    [
      {
        requests: 1,
        attempts: 2,
        failedAttempts: 1,
        ...USED_TWICE,
        unpriced: 1,
      },
    ],
  ],
  [
    'a price of 0 is a cost',
    record({ tries: [attempt({ costPicoUsd: 0 })] }),
    [{ requests: 1, attempts: 1, ...USED, costUsd: '0' }],
  ],
  [
    'a generation that told no usage has a cost that nobody knows',
    record({ ...UNTOLD, tries: [attempt(UNTOLD)] }),
    [{ requests: 1, attempts: 1, unpriced: 1 }],
  ],
  [
    'what the sidecar counted itself is told apart',
    record({ tries: [attempt({ usage: { ...USED, estimated: true } })] }),
    [{ requests: 1, attempts: 1, ...USED, estimatedTokens: 130, costUsd: '0.0000015' }],
  ],
  [
    'a refusal by policy before any attempt',
    record({
      ...UNTOLD,
      provider: '',
      model: '',
      attempts: 0,
      status: 429,
      fault: 'policy',
      failure: 'limit_reached',
    }),
    [{ provider: '', model: '', requests: 1, refused: 1 }],
  ],
  [
    'a refusal that is not by policy, and reached no route',
    record({ ...UNTOLD, route: undefined, rule: undefined, provider: '', model: '', status: 404, fault: 'caller' }),
    [{ route: '', rule: '', provider: '', model: '', requests: 1 }],
  ],
]

test.each(CASES)('%s', (_name, one, rows) => {
  const { ledger } = ledgerAt(NOON)
  ledger.add(one)
  expect(ledger.rows()).toEqual(rows.map((row) => ({ ...ROW, ...row })))
})

test('days are those of UTC, and a clock that was set back finds its day again', () => {
  const { clock, ledger } = ledgerAt(Date.UTC(2026, 11, 31, 23, 59, 59, 999))
  ledger.add(record())
  clock.nowMs += 1
  ledger.add(record())
  ledger.add(record())
  clock.nowMs -= 1
  ledger.add(record())
  expect(ledger.rows().map(({ day, requests }) => [day, requests])).toEqual([
    ['2026-12-31', 2],
    ['2027-01-01', 2],
  ])
  expect(ledger.sinceMs).toBe(Date.UTC(2026, 11, 31, 23, 59, 59, 999))
})

test('a cost beyond what one number holds stays exact to the pico-dollar', () => {
  const { ledger } = ledgerAt(NOON)
  let expected = 0n
  const random = seeded(7)
  for (let i = 0; i < 2000; i++) {
    const costPicoUsd = Math.floor(random() * 9e15)
    expected += BigInt(costPicoUsd)
    ledger.add(record({ tries: [attempt({ costPicoUsd })] }))
  }
  expect(expected).toBeGreaterThan((1000n * BigInt(Number.MAX_SAFE_INTEGER)) / 2n)
  expect(costOf(ledger)).toBe(expected)
})

test('the days beyond daysMax are forgotten, the oldest first', () => {
  const { clock, ledger } = ledgerAt(NOON, { daysMax: 3 })
  for (let i = 0; i < 5; i++) {
    ledger.add(record())
    clock.nowMs += DAY_MS
  }
  expect(ledger.rows().map(({ day }) => day)).toEqual(['2026-11-23', '2026-11-24', '2026-11-25'])
})

const SUMMED = { route: REST, rule: REST, provider: REST, model: REST }

test('when rows are short the oldest day that is over is summed up, before anything of today is', () => {
  const { clock, ledger } = ledgerAt(NOON, { rowsMax: 3 })
  for (const model of ['a', 'b', 'a']) ledger.add(record({ model, tries: [attempt({ model })] }))
  clock.nowMs += DAY_MS
  for (const model of ['c', 'd', 'e', 'f', 'f', 'c']) ledger.add(record({ model, tries: [attempt({ model })] }))
  const told = ledger.rows().map(({ day, route, model, requests, inputTokens, costUsd }) => ({
    ...{ day, route, model, requests, inputTokens, costUsd },
  }))
  const [first, second] = ['2026-11-21', '2026-11-22']
  const chat = { day: second, route: 'shop/chat' }
  expect(told).toEqual([
    { day: first, route: REST, model: REST, requests: 3, inputTokens: 300, costUsd: '0.0000045' },
    { ...chat, model: 'c', requests: 2, inputTokens: 200, costUsd: '0.000003' },
    { ...chat, model: 'd', requests: 1, inputTokens: 100, costUsd: '0.0000015' },
    { ...chat, model: 'e', requests: 1, inputTokens: 100, costUsd: '0.0000015' },
    { day: second, route: REST, model: REST, requests: 2, inputTokens: 200, costUsd: '0.000003' },
  ])
  expect(ledger.rows()[0]).toMatchObject(SUMMED)
})

test('whatever days and rows come, totals are those of what was added, and the number of rows is bounded', () => {
  const random = seeded(11)
  const { clock, ledger } = ledgerAt(NOON, { rowsMax: 20, daysMax: 1000 })
  const expected = { requests: 0, attempts: 0, inputTokens: 0, unpriced: 0, cost: 0n }
  for (let i = 0; i < 5000; i++) {
    // Mostly forward, now and then back.
    clock.nowMs += Math.floor((random() - 0.3) * DAY_MS * 0.1)
    const model = `m${Math.floor(random() * 12)}`
    const costPicoUsd = random() < 0.2 ? undefined : Math.floor(random() * 9e15)
    ledger.add(record({ model, tries: [attempt({ model, costPicoUsd })] }))
    expected.requests++
    expected.attempts++
    expected.inputTokens += 100
    if (costPicoUsd === undefined) expected.unpriced++
    else expected.cost += BigInt(costPicoUsd)
  }
  const rows = ledger.rows()
  const sum = (name: 'requests' | 'attempts' | 'inputTokens' | 'unpriced') =>
    rows.reduce((all, row) => all + row[name], 0)
  expect({
    ...{ requests: sum('requests'), attempts: sum('attempts'), inputTokens: sum('inputTokens') },
    ...{ unpriced: sum('unpriced'), cost: costOf(ledger) },
  }).toEqual(expected)
  expect(rows.filter(({ route }) => route !== REST).length).toBeLessThanOrEqual(20)
  expect(new Set(rows.map(({ day }) => day)).size).toBeGreaterThan(50)
})

function costOf(ledger: UsageLedger): bigint {
  return ledger.rows().reduce((sum, { costUsd }) => sum + picoOf(costUsd ?? '0'), 0n)
}

function picoOf(usd: string): bigint {
  const [whole = '', part = ''] = usd.split('.')
  return BigInt(whole) * 10n ** 12n + BigInt(part.padEnd(12, '0'))
}
