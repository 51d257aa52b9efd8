// What is read of a ledger that another version of the operator may have written, or somebody by hand.
import { expect, test } from '@jest/globals'
import { type Ledger, openingOf, parseLedger, renderLedger } from '../../../operator/shares/ledger.ts'

const LEDGER: Ledger = new Map([
  ['a', { type: 'Held', most: 5e20 }],
  ['b', { type: 'Held' }],
  ['c', { type: 'Left', amount: 7, untilMs: 1_796_079_600_000 }],
])

test('a ledger is read as it was written', () => {
  expect(parseLedger(renderLedger(LEDGER))).toEqual({ ledger: LEDGER })
})

test('what a newer operator says besides is passed over, and the rest of its ledger is kept', () => {
  const more = Object.fromEntries([...LEDGER].map(([name, entry]) => [name, { ...entry, since: 'June' }]))
  expect(parseLedger(JSON.stringify(more))).toEqual({ ledger: LEDGER })
})

const UNREADABLE: readonly unknown[] = [
  null,
  7,
  [],
  {},
  { type: 'Lent', amount: 7 },
  { type: 'Held', most: -1 },
  { type: 'Left', amount: 0.5, untilMs: 1 },
  { type: 'Left', amount: 7 },
  { type: 'Left', amount: 7, untilMs: 'June' },
]

test.each(UNREADABLE.map((entry) => [entry]))('of an entry that cannot be read all may be used: %j', (entry) => {
  const parsed = parseLedger(JSON.stringify({ ...Object.fromEntries(LEDGER), d: entry }))
  expect(parsed).toEqual({ ledger: new Map([...LEDGER, ['d', { type: 'Held' }]]) })
  const read = 'ledger' in parsed ? parsed.ledger.get('d') : undefined
  expect(openingOf(read, { limit: 100, granted: 0, untilMs: 9 })).toEqual({ amount: 100, untilMs: 9 })
})

test.each(['{', '[]', '3', 'null'])('says that %j is no ledger', (text) => {
  expect(parseLedger(text)).toEqual({ problems: [expect.stringMatching(/^(not JSON|expected an object)/)] })
})
