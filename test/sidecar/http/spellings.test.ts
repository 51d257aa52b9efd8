import { expect, test } from '@jest/globals'
import { Spellings } from '../../../sidecar/http/spellings.ts'

const spellings = new Spellings<'Named' | 'Prefixed' | 'Other'>({
  named: new Map([
    ['te', 'Named'],
    ['content-length', 'Named'],
    ['x-own-name', 'Named'],
  ]),
  prefixes: ['x-own-'],
  prefixed: 'Prefixed',
  other: 'Other',
})

test.each<[string, string, 'Named' | 'Prefixed' | 'Other']>([
  ['a name', 'content-length', 'Named'],
  ['a name in another spelling', 'Content-LENGTH', 'Named'],
  ['a name of two letters', 'TE', 'Named'],
  ['a name with a prefix that means something else', 'X-Own-Name', 'Named'],
  ['a name behind a prefix', 'x-own-names', 'Prefixed'],
  ['a prefix in another spelling', 'X-OWN-Thing', 'Prefixed'],
  ['a prefix alone', 'x-own-', 'Prefixed'],
  ['a long name behind a prefix', `X-Own-${'a'.repeat(58)}`, 'Prefixed'],
  ['one that is too long to be remembered', `X-Own-${'a'.repeat(100)}`, 'Prefixed'],
  ['a long name like any other', 'a'.repeat(100), 'Other'],
  ['a name of the same length and third letter', 'cancel-library', 'Other'],
  ['a name of the same length', 'openai-version', 'Other'],
  ['less than a prefix', 'x-own', 'Other'],
  ['a prefix of a prefix', 'x-other-thing', 'Other'],
  ['one letter', 'a', 'Other'],
])('%s', (_name, spelling, fate) => {
  // The second time it is remembered.
  expect([spellings.fateOf(spelling), spellings.fateOf(spelling)]).toEqual([fate, fate])
})
