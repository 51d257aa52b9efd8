import { expect, test } from '@jest/globals'
import { type KeyToken, memberFromEnd } from '../../../sidecar/stream/json-from-end.ts'

const cases: [string, string, KeyToken, number, unknown][] = [
  ['a member of the document', '{"a":1,"usage":{"b":2}}', '"usage"', 1, { b: 2 }],
  ['white space anywhere', ' {\n "usage" \t:\r\n { "b" : [ 2 ] } \n}\n', '"usage"', 1, { b: [2] }],
  ['the last of duplicates, as JSON.parse does', '{"usage":1,"usage":2}', '"usage"', 1, 2],
  ['a string', '{"a":[{"r":"S\\"}TOP"}]}', '"r"', 3, 'S"}TOP'],
  ['a number at the end of an object', '{"a":[{"r":12}]}', '"r"', 3, 12],
  ['a word before a comma', '{"r":null,"b":1}', '"r"', 1, null],
  ['not a deeper one', '{"a":{"usage":{"b":2}}}', '"usage"', 1, undefined],
  ['not a shallower one', '{"usage":{"b":2}}', '"usage"', 2, undefined],
  ['the outer one around a deeper one', '{"usage":{"usage":{"b":2}},"c":"}"}', '"usage"', 1, { usage: { b: 2 } }],
  ['the deeper one inside the outer one', '{"usage":{"usage":{"b":2}},"c":"}"}', '"usage"', 2, { b: 2 }],
  ['one before a deeper one', '{"usage":1,"a":[{"usage":2}]}', '"usage"', 1, 1],
  ['one behind a deeper one', '{"a":[{"usage":2}],"usage":1}', '"usage"', 1, 1],
  ['not a value of that name', '{"a":"usage","b":1}', '"usage"', 1, undefined],
  ['not a value of that name, but the key before it', '{"usage":3,"b":"usage"}', '"usage"', 1, 3],
  ['not the end of a string', '{"a":"\\"usage"}', '"usage"', 1, undefined],
  ['not the end of a key', '{"\\"usage":1}', '"usage"', 1, undefined],
  ['not what a string holds', '{"a":"\\"usage\\":{\\"b\\":1}"}', '"usage"', 1, undefined],
  ['past brackets and escapes in strings', '{"usage":1,"a":"}]\\\\","b":"{[\\""}', '"usage"', 1, 1],
  ['with the document’s front missing', 'xx"}],"usage":{"b":2},"z":[[]]}', '"usage"', 1, { b: 2 }],
  ['nothing in a value that is cut', '{"usage":{"b":', '"usage"', 0, undefined],
  ['nothing in a document that only begins with the key', '"usage"', '"usage"', 0, undefined],
  ['nothing in nothing', '', '"usage"', 1, undefined],
]

test.each(cases)('finds %s', (_name, text, key, depth, expected) => {
  expect(memberFromEnd(Buffer.from(text), key, depth)).toEqual(expected)
})
