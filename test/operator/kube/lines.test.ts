import { expect, test } from '@jest/globals'
import { createLineSplitter } from '../../../operator/kube/lines.ts'

const LINES = ['{"a":1}', '{"b":"ä€😀"}', '', '{"c":3}']
const BYTES = Buffer.from(`${LINES.join('\n')}\n`)
const WHOLE = LINES.filter((line) => line !== '')

function linesOf(pieces: readonly Buffer[], lineBytesMax = 1000): { lines: string[]; pendingBytes: number } {
  const lines: string[] = []
  const splitter = createLineSplitter({ onLine: (line) => lines.push(line), lineBytesMax })
  for (const piece of pieces) splitter.push(piece)
  return { lines, pendingBytes: splitter.pendingBytes }
}

test('lines are whole wherever the bytes are split, also within a character', () => {
  for (let at = 0; at <= BYTES.length; at++) {
    expect(linesOf([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual({ lines: WHOLE, pendingBytes: 0 })
  }
  expect(linesOf([...BYTES].map((byte) => Buffer.from([byte])))).toEqual({ lines: WHOLE, pendingBytes: 0 })
})

test('what has no end yet is no line', () => {
  expect(linesOf([Buffer.from('{"a":1}\n{"b"')])).toEqual({ lines: ['{"a":1}'], pendingBytes: 4 })
})

test('a line longer than allowed is an error, in one piece or in many', () => {
  expect(() => linesOf([Buffer.from('12345\n')], 4)).toThrow('a line is longer than 4 bytes')
  expect(() => linesOf([Buffer.from('123'), Buffer.from('45')], 4)).toThrow('a line is longer than 4 bytes')
  expect(linesOf([Buffer.from('1234\n1234\n')], 4).lines).toEqual(['1234', '1234'])
})
