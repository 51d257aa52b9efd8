import { expect, test } from '@jest/globals'
import { PieceScrubber, Scrubber } from '../../../sidecar/stream/scrub.ts'

const KEY = 'sk-aasksk-aab'

function scrubbed(key: string, pieces: readonly Buffer[]): string {
  const scrubber = new PieceScrubber(new Scrubber(key))
  const forwarded = pieces.map((piece) => scrubber.push(piece))
  return Buffer.concat([...forwarded, scrubber.end(Buffer.alloc(0))]).toString('latin1')
}

function check(name: string, key: string, text: string, expected: string): void {
  test(`${name}, split at every byte`, () => {
    const bytes = Buffer.from(text, 'latin1')
    expect(new Scrubber(key).bytes(bytes).toString('latin1')).toBe(expected)
    for (let at = 0; at <= bytes.length; at++) {
      for (let next = at; next <= bytes.length; next++) {
        expect(scrubbed(key, [bytes.subarray(0, at), bytes.subarray(at, next), bytes.subarray(next)])).toBe(expected)
      }
    }
    expect(
      scrubbed(
        key,
        Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)),
      ),
    ).toBe(expected)
  })
}

const MASK = '*'.repeat(KEY.length)

check('the key alone', KEY, KEY, MASK)
check('the key within a text', KEY, `a ${KEY}, b`, `a ${MASK}, b`)
check('the key twice, side by side', KEY, KEY + KEY, MASK + MASK)
check('beginnings of the key before it', KEY, `sk-aask${KEY}sk-`, `sk-aask${MASK}sk-`)
check('all but the last byte', KEY, KEY.slice(0, -1), KEY.slice(0, -1))
check('all but the first byte', KEY, KEY.slice(1), KEY.slice(1))
check('another case is another text', KEY, KEY.toUpperCase(), KEY.toUpperCase())
check('a text without it', KEY, 'nothing of it: s sk sk-', 'nothing of it: s sk sk-')
check('a key that ends as it begins', 'sk-abcdsk', 'sk-abcdsk-abcdsk sk-abcdsk', '*********-abcdsk *********')
check('a key that overlaps with itself', 'abcabcabc', 'abcabcabcabcx', '*********abcx')
check('a key of nothing but the mask', '********', 'x*********y', 'x*********y')
check('a placeholder is no key', 'changem', 'please changem', 'please changem')
check('no key at all', '', 'any text', 'any text')

test('a text without the key is not copied', () => {
  const bytes = Buffer.from('nothing')
  expect(new Scrubber(KEY).bytes(bytes)).toBe(bytes)
})

test('a text with the key is not changed in place: it may be a view of the shared read buffer', () => {
  const bytes = Buffer.from(KEY)
  new Scrubber(KEY).bytes(bytes)
  expect(bytes.toString()).toBe(KEY)
})

test('header values are masked', () => {
  const headers = ['x-a', 'plain', 'x-b', `${KEY},${KEY}`, 'x-c', `Bearer ${KEY}`]
  new Scrubber(KEY).headers(headers)
  expect(new Scrubber(KEY).text(`is ${KEY}`)).toBe(`is ${MASK}`)
  expect(headers).toEqual(['x-a', 'plain', 'x-b', `${MASK},${MASK}`, 'x-c', `Bearer ${MASK}`])
})

test('a key of characters that mean something in a replacement', () => {
  const key = '$&$1$$abc'
  const headers = ['x', `is ${key}`]
  new Scrubber(key).headers(headers)
  expect(headers).toEqual(['x', 'is *********'])
})
