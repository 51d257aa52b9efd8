import { expect, test } from '@jest/globals'
import { divide } from '../../../operator/shares/divide.ts'
import { fairParts } from '../../../operator/shares/fair-parts.ts'
import type { Member } from '../../../operator/shares/targets.ts'

type Change = Partial<Omit<Member, 'key'>>

/** Members by name; what is not said of them: nothing is granted, counted or wanted. The bound is the share at least. */
function divided(limit: number, members: Readonly<Record<string, Change>>, departed = 0): Record<string, number> {
  const all = Object.entries(members).map(
    ([key, { share = 0, bound = share, wanted = 0, standing = 'Live' }]): Member => {
      return { key, share, bound: Math.max(bound, share), wanted, standing }
    },
  )
  return Object.fromEntries(divide({ limit, departed, members: all }))
}

test.each<[name: string, limit: number, members: Record<string, Change>, departed: number, expected: object]>([
  ['what nobody has is spread evenly', 90, { a: {}, b: {}, c: {} }, 0, { a: 30, b: 30, c: 30 }],
  ['what cannot be divided evenly goes to the first', 8, { a: {}, b: {}, c: {} }, 0, { a: 3, b: 3, c: 2 }],
  ['what those who are gone may have used is not there', 90, { a: {}, b: {}, c: {} }, 60, { a: 10, b: 10, c: 10 }],
  ['nothing is there when all of it may be used', 90, { a: {}, b: {} }, 90, {}],
  ['who wants more gets more', 1_000, { a: { wanted: 5_000 }, b: {} }, 0, { a: 995, b: 5 }],
  [
    'who wants little gets it, and the rest is shared',
    1_000,
    { a: { wanted: 5_000 }, b: { wanted: 5_000 }, c: { wanted: 100 } },
    0,
    { a: 450, b: 450, c: 100 },
  ],
  [
    'a share is taken away before another one grows',
    1_000,
    { a: { share: 500, wanted: 5_000 }, b: { share: 500 } },
    0,
    { b: 5 },
  ],
  [
    '… which it does when that is in force',
    1_000,
    { a: { share: 500, wanted: 5_000 }, b: { share: 5 } },
    0,
    { a: 995 },
  ],
  [
    '… and not while it may still be in force',
    1_000,
    { a: { share: 500, wanted: 5_000 }, b: { share: 5, bound: 500 } },
    0,
    {},
  ],
  [
    '… and as far as what was used has left the window',
    1_000,
    { a: { share: 500, wanted: 5_000 }, b: { share: 5, bound: 200 } },
    0,
    { a: 800 },
  ],
  [
    'nothing moves while all have what they want',
    1_000,
    { a: { share: 600, wanted: 100 }, b: { share: 400, wanted: 300 } },
    0,
    {},
  ],
  [
    'nothing moves for less than a hundredth of an even share',
    1_000,
    { a: { share: 992, wanted: 5_000 }, b: { share: 8 } },
    0,
    {},
  ],
  [
    'for a newcomer few give much',
    900,
    { a: { share: 300 }, b: { share: 300 }, c: { share: 300 }, d: {} },
    0,
    { a: 113, b: 262 },
  ],
  [
    'a share does not grow to what may be in force while all together is too much',
    1_000,
    { a: { share: 300, bound: 500, wanted: 900 }, b: { share: 500, bound: 600 } },
    0,
    { b: 5 },
  ],
  ['of a small limit some get one', 2, { a: {}, b: {}, c: {} }, 0, { a: 1, b: 1 }],
  ['… and it moves to who wants it', 2, { a: { share: 1 }, b: { share: 1 }, c: { wanted: 1 } }, 0, { b: 0 }],
  [
    'who leaves keeps what it uses, and an eighth',
    900,
    { a: { share: 450, wanted: 80, standing: 'Leaving' }, b: { share: 450 } },
    0,
    { a: 90 },
  ],
  [
    'who is silent keeps what it has',
    900,
    { a: { share: 450, standing: 'Silent' }, b: { wanted: 900 } },
    0,
    { b: 450 },
  ],
  [
    'a limit that became smaller shrinks the shares',
    100,
    { a: { share: 300 }, b: { share: 300 } },
    0,
    { a: 25, b: 75 },
  ],
  ['a limit that became larger grows them', 900, { a: { share: 50 }, b: { share: 50 } }, 0, { a: 450, b: 450 }],
])('%s', (_name, limit, members, departed, expected) => {
  expect(divided(limit, members, departed)).toEqual(expected)
})

test('the order of the members does not matter', () => {
  const members = { a: { wanted: 30 }, b: { share: 20 }, c: {}, d: { wanted: 30 } }
  const reversed = Object.fromEntries(Object.entries(members).reverse())
  expect(divided(100, reversed)).toEqual(divided(100, members))
})

test.each<[amount: number, demands: number[], parts: number[]]>([
  [10, [], []],
  [0, [5, 5], [0, 0]],
  [10, [1, 20, 3], [1, 6, 3]],
  [10, [100, 100, 100], [4, 3, 3]],
  [100, [1, 2, 3], [1, 2, 3]],
])('%i among those who ask for %j is %j', (amount, demands, parts) => {
  expect(fairParts(amount, demands)).toEqual(parts)
})
