import { expect, test } from '@jest/globals'
import type { Flaw } from '../../../operator/api/problem.ts'
import { compileDuration, compileWindow, durationMs, windowMs } from '../../../operator/compile/duration.ts'
import { NOT_WINDOWS, WINDOWS } from '../../crds/limit-cases.ts'

function check(text: string, expected: number | undefined): void {
  test(`"${text}" is ${expected === undefined ? 'no duration' : `${expected} ms`}`, () => {
    expect(durationMs(text)).toBe(expected)
  })
}

check('500ms', 500)
check('5s', 5000)
check('15m', 900_000)
check('24h', 86_400_000)
check('1m30s', 90_000)
check('1h2m3s4ms', 3_723_004)
check('1s1s', 2000)
check('0s1ms', 1)
check('00005s', 5000)

check('0s', undefined)
check('24h1ms', undefined)
check('25h', undefined)
check('', undefined)
check('5', undefined)
check('-5s', undefined)
check('1.5s', undefined)
check('5 s', undefined)
check('5S', undefined)
check('1d', undefined)
check('100000ms', undefined)
check('1h1m1s1ms1ms', undefined)
check('5s\n', undefined)

test('a duration that cannot be read is a flaw of its field', () => {
  const flaws: Flaw[] = []
  compileDuration('soon', 'spec.timeouts.idle', flaws)
  expect(flaws).toEqual([
    {
      field: 'spec.timeouts.idle',
      reason: 'InvalidField',
      message: '"soon" is not a duration above 0 and at most 24h; write one like 500ms, 30s or 1m30s',
    },
  ])
})

test.each([
  ['10s', 10_000],
  ['90s', 90_000],
  ['1m30s', 90_000],
  ['24h', 86_400_000],
  ['1d', 86_400_000],
  ['1d12h', 129_600_000],
  ['29d23h59m59s', 2_591_999_000],
  ['30d', 2_592_000_000],
  ['2592000s', 2_592_000_000],
])('the window %s is %d ms', (text, expected) => expect(windowMs(text)).toBe(expected))

test('what admission takes for a window can be read, and nothing else', () => {
  expect(WINDOWS.filter((text) => windowMs(text) === undefined)).toEqual([])
  expect([...NOT_WINDOWS, '10s\n', '7d '].filter((text) => windowMs(text) !== undefined)).toEqual([])
})

test('a window that cannot be read is a flaw of its field', () => {
  const flaws: Flaw[] = []
  compileWindow('1w', 'spec.limits[0].window', flaws)
  expect(flaws).toEqual([
    {
      field: 'spec.limits[0].window',
      reason: 'InvalidField',
      message: '"1w" is not a span from 10s to 30d; write one like 30s, 1m30s, 24h, 7d or 1d12h',
    },
  ])
})
