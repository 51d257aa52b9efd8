import { expect, test } from '@jest/globals'
import { sameJson } from '../../../operator/status/same-json.ts'

function check(a: unknown, b: unknown, expected: boolean): void {
  test(`${JSON.stringify(a)} and ${JSON.stringify(b)} are ${expected ? 'the same' : 'different'}`, () => {
    expect([sameJson(a, b), sameJson(b, a)]).toEqual([expected, expected])
  })
}

check({ a: 1, b: [{ c: 'x' }, null] }, { b: [{ c: 'x' }, null], a: 1 }, true)
check({ a: undefined, b: 1 }, { b: 1 }, true)
check({ a: undefined }, { b: undefined }, true)
check({ a: 1 }, { b: 1 }, false)
check({ a: null }, {}, false)
check({ a: 0 }, { a: '0' }, false)
check([1, 2], [2, 1], false)
check([], {}, false)
check(null, {}, false)
check(undefined, {}, false)
