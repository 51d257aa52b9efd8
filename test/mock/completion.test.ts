import { describe, expect, test } from '@jest/globals'
import { behaviourOf, NO_BEHAVIOUR } from '../../mock/behaviours.ts'
import { type Completion, complete, inputTokensOf, type Prompt, tokensOf } from '../../mock/completion.ts'
import { sampleArguments, sampleOf } from '../../mock/sample.ts'

const TOOLS = [
  { name: 'get_weather', schema: { type: 'object', properties: { city: { type: 'string' } } } },
  { name: 'get_time', schema: {} },
]

function prompt(text: string, more: Partial<Prompt> = {}): Prompt {
  const turns = [{ role: 'user', text }] as const
  return { turns, tools: [], toolChoice: 'auto', maxTokens: undefined, stop: [], outputSchema: undefined, ...more }
}

function summary({ deltas, calls, stop }: Completion): string {
  return `${stop}: ${calls.length > 0 ? calls.map((call) => call.name).join(' ') : deltas.join('|')}`
}

describe('an answer', () => {
  const cases: [string, Prompt, string][] = [
    ['echoes', prompt('Hello there'), 'end: You| said:| Hello| there'],
    ['keeps white space with the words', prompt('a\n\nb  '), 'end: You| said:| a|\n\nb  '],
    ['is short but never empty of tokens', prompt('x', { maxTokens: 1 }), 'length: You'],
    ['stops before the first stop sequence', prompt('a b c', { stop: ['c', ' b'] }), 'sequence: You| said:| a'],
    ['prefers text when no tool is mentioned', prompt('Hello', { tools: TOOLS }), 'end: You| said:| Hello'],
    ['calls the tool that is named', prompt('what does GET_TIME say?', { tools: TOOLS }), 'tools: get_time'],
    ['calls the first when "tool" is said', prompt('use a tool', { tools: TOOLS }), 'tools: get_weather'],
    ['calls one when it must', prompt('Hello', { tools: TOOLS, toolChoice: 'required' }), 'tools: get_weather'],
    ['calls the chosen one', prompt('Hello', { tools: TOOLS, toolChoice: { name: 'get_time' } }), 'tools: get_time'],
    ['calls none when it may not', prompt('a tool', { tools: TOOLS, toolChoice: 'none' }), 'end: You| said:| a| tool'],
    [
      'answers a result in text even when it must call',
      prompt('', { turns: [{ role: 'tool', text: '21' }], tools: TOOLS, toolChoice: 'required' }),
      'end: The| tool| said:| 21',
    ],
    ['is JSON for a schema', prompt('Hello', { outputSchema: { type: 'object' } }), 'end: {}'],
  ]

  test.each(cases)('%s', (_, given, expected) => {
    expect(summary(complete(given, NO_BEHAVIOUR))).toBe(expected)
  })

  test('never splits a character when it is cut at max_tokens', () => {
    const { deltas } = complete(prompt('ééééééééé 日本語'), behaviourOf({}))
    expect(deltas.join('')).toBe('You said: ééééééééé 日本語')
    expect(complete(prompt('ééééééééé 日本語', { maxTokens: 8 }), NO_BEHAVIOUR).deltas.join('')).toBe(
      'You said: ééééééééé',
    )
  })
})

describe('usage', () => {
  test('counts bytes/4 of all turns and tools, at least one', () => {
    expect([tokensOf(''), tokensOf('abcd'), tokensOf('abcde'), tokensOf('日本')]).toEqual([1, 1, 2, 2])
    const turns = [
      { role: 'system', text: '12345678' },
      { role: 'user', text: '1234' },
    ] as const
    expect(inputTokensOf({ turns, tools: [] })).toBe(3)
    expect(inputTokensOf({ turns, tools: [{ name: 'ab', schema: {} }] })).toBe(4)
  })

  test.each([
    ['half of the prompt by default', '', 4],
    ['as many as asked', '3', 3],
    ['never more than the prompt has', '99', 8],
  ])('caches %s', (_, cached, expected) => {
    const { usage } = complete(prompt('x'.repeat(32)), behaviourOf({ cached }))
    expect(usage).toMatchObject({ inputTokens: 8, cachedTokens: expected })
  })
})

describe('a sample of a schema', () => {
  const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } }
  const cases: [string, object, unknown][] = [
    ['a named string', { properties: { city: { type: 'string' } } }, { city: 'city' }],
    ['only what is required', { properties: { a: {}, b: { type: 'boolean' } }, required: ['b'] }, { b: true }],
    [
      'enum, const and default',
      { properties: { a: { enum: [2] }, b: { const: null }, c: { default: 7 } } },
      { a: 2, b: 'b', c: 7 },
    ],
    [
      'numbers in their range',
      { properties: { a: { type: 'integer', minimum: 2.5 }, b: { type: 'number' } } },
      { a: 3, b: 1.5 },
    ],
    [
      'the first branch that is not null',
      { properties: { a: { anyOf: [{ type: 'null' }, { type: 'integer' }] } } },
      { a: 1 },
    ],
    [
      "Gemini's capitals",
      { type: 'OBJECT', properties: { a: { type: 'ARRAY', items: { type: 'STRING' } } } },
      { a: ['a'] },
    ],
    ['nullable types', { properties: { a: { type: ['null', 'string'] } } }, { a: 'a' }],
    ['a reference', { $defs: { x: { enum: ['y'] } }, properties: { a: { $ref: '#/$defs/x' } } }, { a: 'y' }],
  ]

  test.each(cases)('%s', (_, schema, expected) => {
    expect(sampleArguments({ ...schema })).toEqual(expected)
  })

  test('ends although the schema is recursive', () => {
    expect(JSON.stringify(sampleOf({ $defs: { node }, $ref: '#/$defs/node' }))).toContain('"next":null')
  })
})
