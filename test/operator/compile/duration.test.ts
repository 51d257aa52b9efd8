import { expect, test } from '@jest/globals'
import type { Flaw } from '../../../operator/api/problem.ts'
import { compileDuration, durationMs } from '../../../operator/compile/duration.ts'

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
