// What people are told to write: the words for patterns, held against the schemas that have them, and what is said of mistakes in limits.
import { expect, test } from '@jest/globals'
import { metadataSchema } from '../../../cli/files/metadata.ts'
import { type LoadResult, parseFiles } from '../../../cli/files/parse.ts'
import { PATTERN_WORDS, patternInWords } from '../../../cli/files/pattern-words.ts'
import { LLMProviderSchema, LLMRouteSchema } from '../../../cli/files/schemas.ts'
import type { StructuralSchema } from '../../../cli/files/structural-schema.ts'

const SCHEMAS = [LLMProviderSchema, LLMRouteSchema, metadataSchema('Label'), metadataSchema('Subdomain')]

function patternsOf(schema: StructuralSchema): string[] {
  const inner = [...Object.values(schema.properties ?? {}), schema.additionalProperties, schema.items]
  const own = schema.pattern === undefined ? [] : [schema.pattern]
  return [...own, ...inner.filter((member) => member !== undefined).flatMap(patternsOf)]
}

test('every pattern of a schema has words, and no words are without a pattern', () => {
  const patterns = new Set(SCHEMAS.flatMap(patternsOf))
  expect(Object.keys(PATTERN_WORDS).sort()).toEqual([...patterns].sort())
})

/** What the words give as examples. */
function examplesIn(words: string): string[] {
  const [, examples = ''] = words.split('such as ')
  return examples === '' ? [] : examples.split(' or ').map((one) => one.replaceAll('"', ''))
}

test.each(Object.entries(PATTERN_WORDS))('%s matches the examples of its words', (pattern, words) => {
  for (const example of examplesIn(words)) expect(example).toMatch(new RegExp(pattern, 'u'))
})

test('a pattern without words is told as it is', () => {
  expect(patternInWords('^x$')).toBe('must match ^x$')
})

const RULE = `apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  rules:
  - name: fast
    backends: [{provider: {name: openai}}]
`

function parse(text: string): LoadResult {
  return parseFiles([{ path: 'a.yaml', text }], {}, { allowLoopback: 'Refuse', defaultNamespace: 'default' })
}

const LIST_WORDS = 'must be a string, not an object'
const FRACTION_WORDS = 'must be a whole number or a string, not a fraction; USD for Cost goes in quotes, such as "2.50"'
const USD_WORDS = 'write USD as a decimal number below 1000000000 with at most 6 decimals, such as "2.50"'
const UNIT_WORDS =
  'write USD in quotes, such as "2.50", when what is Cost, and otherwise a whole number without quotes, such as 600'
const NAME_WORDS = 'write a name of a-z, 0-9 and -, with a letter or digit at both ends, such as my-name'

test.each([
  ['name: rpm, what: Cost, limit: "$2.50"', 'limit', USD_WORDS],
  ['name: rpm, what: Cost, limit: "2.5000001"', 'limit', USD_WORDS],
  ['name: rpm, what: Cost, limit: 2.50', 'limit', FRACTION_WORDS],
  ['name: rpm, what: Cost, limit: 0', 'limit', UNIT_WORDS],
  ['name: rpm, what: Tokens, limit: 1k', 'limit', UNIT_WORDS],
  ['name: rpm, what: Tokens, limit: 1.5', 'limit', FRACTION_WORDS],
  ['name: my_rpm, what: Requests, limit: 3', 'name', NAME_WORDS],
  ['name: RPM limit, what: Requests, limit: 3', 'name', NAME_WORDS],
  [
    'name: rpm, what: Requests, limit: 3, per: [Header: x-user]',
    'per[0]',
    `${LIST_WORDS}; put it in quotes: "Header:x-user"`,
  ],
  ['name: rpm, what: Requests, limit: 3, per: [{a: b, c: d}]', 'per[0]', LIST_WORDS],
])('a limit with %s gets one line, which says what to write', (fields, field, message) => {
  const { problems } = parse(`${RULE}    limits: [{window: 1m, ${fields}}]\n`)
  expect(problems.map((one) => [one.field, one.message])).toEqual([[`spec.rules[0].limits[0].${field}`, message]])
})

test('what stands in a Secret is not repeated, whatever it was taken for', () => {
  const { problems } = parse(`apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {a: {b: sk-1}}\n`)
  expect(problems.map(({ message }) => message)).toEqual(['must be a string, not an object'])
})
