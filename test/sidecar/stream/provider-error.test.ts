import { expect, test } from '@jest/globals'
import { readProviderError } from '../../../sidecar/stream/provider-error.ts'

const ERROR = { word: 'error', status: undefined }

test.each([
  ['no error', null, undefined],
  ['no error', false, undefined],
  ['no error', '', undefined],
  ['no error', undefined, undefined],
  ['a word alone', 'overloaded', { word: 'overloaded', status: undefined }],
  ['a sentence', 'The engine is overloaded.', ERROR],
  ['an empty object', {}, ERROR],
  ['the code before the type', { code: 'c', type: 't' }, { word: 'c', status: undefined }],
  ['the type where the code is null', { code: null, type: 't' }, { word: 't', status: undefined }],
  ["Google's status beside its number", { code: 503, status: 'UNAVAILABLE' }, { word: 'UNAVAILABLE', status: 503 }],
  ["OpenRouter's number alone", { code: 502, message: 'm' }, { word: '502', status: 502 }],
  ["Groq's number", { code: 'tool_use_failed', status_code: 400 }, { word: 'tool_use_failed', status: 400 }],
  ["Azure's number", { code: 'content_filter', status: 400 }, { word: 'content_filter', status: 400 }],
  ["Azure's number as text", { code: '401', message: 'm' }, { word: '401', status: 401 }],
  ['a type before a number as text', { code: '429', type: 'too_many' }, { word: 'too_many', status: 429 }],
  ['a number that is no status', { code: 1302 }, { word: '1302', status: undefined }],
  ['a number that is no error', { code: 200 }, { word: '200', status: undefined }],
  ['a code that is a sentence', { code: 'The key is wrong', type: 't' }, { word: 't', status: undefined }],
  ['a code with a line end', { code: 'a\nb' }, ERROR],
  ['a code that is too long', { code: 'x'.repeat(65) }, ERROR],
  ['a code that is just short enough', { code: 'x'.repeat(64) }, { word: 'x'.repeat(64), status: undefined }],
  ['a key in the place of a code', { code: 'sk-proj-a1B2c3D4e5F6g7H8', type: 't' }, { word: 't', status: undefined }],
  ['a key of hexadecimal digits', { code: '0123456789abcdef0123456789abcdef' }, ERROR],
  [
    'a long word',
    { code: 'ResponsibleAIPolicyViolation' },
    { word: 'ResponsibleAIPolicyViolation', status: undefined },
  ],
])('reads %s (%j)', (_name, error, expected) => {
  expect(readProviderError(error)).toEqual(expected)
})
