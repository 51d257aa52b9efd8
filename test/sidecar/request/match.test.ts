import { expect, test } from '@jest/globals'
import type { MatchConfig, StringMatchConfig } from '../../../contract/sidecar-config.ts'
import { compileString } from '../../../contract/string-match.ts'
import { compileMatch, matches } from '../../../sidecar/request/match.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import { match } from '../../support/sidecar-config.ts'

function checkString(type: StringMatchConfig['type'], pattern: string, yes: string[], no: string[]): void {
  test(`${type} ${pattern}`, () => {
    const matcher = compileString({ type, value: pattern })
    expect([...yes, ...no].filter(matcher)).toEqual(yes)
  })
}

checkString('Exact', 'gpt-5', ['gpt-5'], ['gpt-5-mini', 'GPT-5', ' gpt-5', 'gpt-5, gpt-5', ''])
checkString('Prefix', 'gpt-', ['gpt-', 'gpt-5'], ['gpt', 'xgpt-5'])
checkString('Prefix', '', ['', 'x'], [])
checkString('Glob', '*', ['', 'x', 'a/b'], [])
checkString('Glob', 'gpt-?', ['gpt-5'], ['gpt-', 'gpt-55'])
checkString('Glob', '*-mini', ['-mini', 'gpt-5-mini', 'mini-mini-mini'], ['gpt-5-mini-2026', 'mini'])
checkString('Glob', 'a*b*c', ['abc', 'axxbxxc', 'abbcbc'], ['ac', 'acb', 'abcd'])
checkString('Glob', 'a*?c', ['abc', 'abbc'], ['ac'])
checkString('Glob', 'a**', ['a', 'ab'], ['ba'])
checkString('Glob', 'a.c[x]', ['a.c[x]'], ['abcx'])
checkString('Glob', '', [''], ['a'])

test('a glob that would make a regular expression backtrack without end is decided at once', () => {
  const matcher = compileString({ type: 'Glob', value: `${'a*'.repeat(40)}b` })
  expect(matcher('a'.repeat(5000))).toBe(false)
})

const TEAM = match({ headers: [{ name: 'x-team', type: 'Exact', value: 'search' }] })

function check(name: string, config: MatchConfig, request: Parameters<typeof decodedRequest>[0], expected: boolean) {
  test(name, () => {
    expect(matches(compileMatch(config), decodedRequest(request))).toBe(expected)
  })
}

const FAST_OR_SLOW = match({
  models: [
    { type: 'Exact', value: 'fast' },
    { type: 'Exact', value: 'slow' },
  ],
})

check('an empty match holds for every request', match({}), {}, true)
check('models are alternatives', FAST_OR_SLOW, { model: 'slow' }, true)
check('models: none of them', FAST_OR_SLOW, { model: 'medium' }, false)
check('a match that names models does not hold for a request without one', FAST_OR_SLOW, {}, false)
check('operations are alternatives', match({ operations: ['Chat', 'Embeddings'] }), { operation: 'Embeddings' }, true)
check('operations: none of them', match({ operations: ['Embeddings'] }), {}, false)
check('a header is found whatever its spelling', TEAM, { headers: ['X-Team', 'search'] }, true)
check('a header that is missing', TEAM, {}, false)
check('a repeated header cannot pass an Exact', TEAM, { headers: ['x-team', 'search', 'X-TEAM', 'ads'] }, false)
check(
  'headers are conditions: all must hold',
  match({ headers: [...TEAM.headers, { name: 'x-env', type: 'Prefix', value: 'prod' }] }),
  { headers: ['x-team', 'search', 'x-env', 'test'] },
  false,
)
check(
  'model, operation and headers must hold together',
  match({ models: [{ type: 'Exact', value: 'fast' }], headers: TEAM.headers, operations: ['Chat'] }),
  { model: 'fast', headers: ['x-team', 'search'] },
  true,
)
