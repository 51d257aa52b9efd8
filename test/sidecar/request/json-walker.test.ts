import { expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { walkObject } from '../../../sidecar/request/json-walker.ts'
import { pick, seeded } from '../../support/random.ts'
import { damaged, randomObject } from './random-json.ts'

const WANTED = ['model', 'stream', 'stream_options', 'temperature']

interface Walked {
  fields: Record<string, string>
  ambiguous: boolean
}

/** The wanted fields as they are spelled, or undefined for a refusal. */
function walk(json: string | Buffer): Walked | undefined {
  const bytes = Buffer.from(json)
  try {
    const { spans, ambiguous } = walkObject(bytes, WANTED)
    const fields = [...spans].map(([name, { start, end }]) => [name, bytes.toString('utf8', start, end)])
    return { fields: Object.fromEntries(fields), ambiguous }
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_body') return undefined
    throw error
  }
}

/** `expected`: the fields as they are spelled, or undefined for a refusal. `Ambiguous`: to be re-serialised. */
function check(name: string, json: string, expected: Walked['fields'] | undefined, ambiguous?: 'Ambiguous'): void {
  test(name, () => {
    expect(walk(json)).toStrictEqual(
      expected === undefined ? undefined : { fields: expected, ambiguous: ambiguous === 'Ambiguous' },
    )
  })
}

check('finds fields of every kind', '{"model":"m","stream":true,"temperature":-1.5e+3,"stream_options":{"a":[1]}}', {
  model: '"m"',
  stream: 'true',
  temperature: '-1.5e+3',
  stream_options: '{"a":[1]}',
})
check('leaves white space out of a span', ' \r\n\t{ "model" : "m" , "stream"\n:false } \n', {
  model: '"m"',
  stream: 'false',
})
check('takes an empty object', '{ }', {})
check('does not look into nested values', '{"messages":[{"model":"no"}],"x":{"model":"no"}}', {})
check('does not look into strings', String.raw`{"x":"\",\"model\":\"no","model":"m"}`, { model: '"m"' })
check('tells an escaped backslash from an escaped quote', String.raw`{"x":"\\","model":"m","y":"\\\"]}"}`, {
  model: '"m"',
})
check(
  'finds the end of a long string behind escapes',
  `{"x":"${'a'.repeat(99)}\\\\\\"${'b'.repeat(99)}","model":"m"}`,
  {
    model: '"m"',
  },
)
check('says so when a wanted key is there twice', '{"model":"a","model":"b"}', { model: '"b"' }, 'Ambiguous')
check('does not mind when another key is there twice', '{"user":"a","user":"b"}', {})
check('says so when a key has an escape', String.raw`{"mod\u0065l":"b"}`, { model: '"b"' }, 'Ambiguous')
check('says so when an unwanted key has an escape', String.raw`{"us\u0065r":"b"}`, {}, 'Ambiguous')
check('takes a key for a key, not for a member of Object', '{"__proto__":{"model":"no"},"constructor":1}', {})
check('takes other words that begin or end like a wanted one', '{"models":1,"mode":1,"xmodel":1,"größe":1}', {})
for (const key of ['Model', 'MODEL', 'Stream_Options', '\u017ftream', 'Mod\\u0065l']) {
  check(`refuses ${JSON.stringify(key)}, which some parsers take for a wanted key`, `{"${key}":1}`, undefined)
}
for (const json of [
  ...[
    '',
    ' ',
    'null',
    '"model"',
    '[]',
    '[{"model":"m"}]',
    '\ufeff{}',
    '{}{}',
    '{} x',
    '{}\u0000',
    '{',
    '{"a"',
    '{"a":',
  ],
  ...['{"a":1', '{"a":1,', '{"a":1,}', '{,}', '{"a" 1}', '{"a"::1}', '{"a":1 "b":2}', '{a:1}', "{'a':1}", '{"a":}'],
  ...['{"a":01}', '{"a":-}', '{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":1e}', '{"a":0x1}', '{"a":1_0}', '{"a":1 2}'],
  ...[
    '{"a":tru}',
    '{"a":truex}',
    '{"a":True}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":undefined}',
    '{"a":nul',
    '{"a":"b',
  ],
  ...['{"a":"b\\"', '{"a":"\\', '{"a":[1}', '{"a":[[1]', '{"\\x":1}', '{"a\nb":1}', '{"a":1}}', '{"a":1]', '{/**/}'],
  ...[
    '{"a":[/*"*/]}',
    '{"a":[1]/**/}',
    "{'model':'a'}",
    '{"a":[\'"\']}',
    '{"a":[#\n]}',
    '{"a":[NaN]}',
    '{"a":[\u0000]}',
  ],
]) {
  check(`refuses ${JSON.stringify(json)}`, json, undefined)
}

test('reads what JSON.parse reads in 5,000 random documents, half of them damaged', () => {
  let accepted = 0
  let ambiguous = 0
  for (let seed = 0; seed < 5_000; seed++) {
    const random = seeded(seed)
    const whole = randomObject(random, 5)
    const json = seed % 2 === 0 ? whole : damaged(random, whole, '{}[]:,"\\ x0eE.-+\u0001')
    const parsed = parseObject(json)
    const walked = walk(json)
    if (parsed === undefined) continue
    accepted++
    if (hasTwinOfWanted(parsed)) expect({ json, walked }).toEqual({ json, walked: undefined })
    else if (walked?.ambiguous) ambiguous++
    else {
      const fields = Object.entries(walked?.fields ?? {}).map(([name, text]) => [name, JSON.parse(text)])
      const wanted = Object.entries(parsed).filter(([name]) => WANTED.includes(name))
      expect({ json, fields: Object.fromEntries(fields) }).toEqual({ json, fields: Object.fromEntries(wanted) })
    }
  }
  expect(accepted).toBeGreaterThan(2_500)
  expect(ambiguous).toBeGreaterThan(500)
  expect(ambiguous).toBeLessThan(accepted / 2)
})

test('accepts of flat documents, damaged at random, exactly those that JSON.parse accepts', () => {
  let accepted = 0
  for (let seed = 0; seed < 20_000; seed++) {
    const random = seeded(seed)
    const members = Array.from(
      { length: 3 },
      (_, i) => `"k${i}": ${pick(random, ['0', '-1.5e+3', 'true', 'null', '"x"'])}`,
    )
    const json = damaged(random, damaged(random, `{${members.join(', ')}}`, '}:,0123.eE+-tfn" '), '}:,0123.eE+-tfn" ')
    const parsed = parseObject(json)
    if (parsed !== undefined) accepted++
    expect({ json, accepted: walk(json) !== undefined }).toEqual({ json, accepted: parsed !== undefined })
  }
  expect(accepted).toBeGreaterThan(2_000)
  expect(accepted).toBeLessThan(18_000)
})

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function hasTwinOfWanted(parsed: Record<string, unknown>): boolean {
  return Object.keys(parsed).some((key) => !WANTED.includes(key) && WANTED.includes(key.toLowerCase()))
}
