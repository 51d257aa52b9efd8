import { expect, test } from '@jest/globals'
import { parseElf } from '../../scripts/image/elf.ts'

const ADDRESS = 0x400000

test('the loader and the libraries are found, by addresses as the loader sees them', () => {
  const file = elfFile(183, '/lib/ld-linux-aarch64.so.1', ['libm.so.6', 'libc.so.6'])
  const facts = { machine: 183, interpreter: '/lib/ld-linux-aarch64.so.1', needed: ['libm.so.6', 'libc.so.6'] }
  expect(parseElf(file, 'node')).toEqual(facts)
})

test.each([
  ['a text', Buffer.from('#!/bin/sh\n'.repeat(10))],
  ['an empty file', Buffer.alloc(0)],
  ['a 32-bit file', Buffer.from(elfFile(62, '/lib/ld.so', []).fill(1, 4, 5))],
])('%s is refused by name', (_, file) => {
  expect(() => parseElf(file, 'node')).toThrow('node: expected a 64-bit little-endian ELF file')
})

/** The least that has a loader and libraries: header, three segments, loader's path, dynamic section, string table. */
function elfFile(machine: number, interpreter: string, needed: readonly string[]): Buffer {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`)
  const [loaderAt, dynamicAt] = [64 + 3 * 56, 64 + 3 * 56 + interpreter.length + 1]
  const tags = [[5, 0], ...needed.map((name) => [1, strings.indexOf(`${name}\0`)]), [0, 0]]
  const stringsAt = dynamicAt + tags.length * 16
  const file = Buffer.alloc(stringsAt + strings.length)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file)
  file.writeUInt16LE(machine, 18)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(3, 56)
  writeSegment(file, 64, 1, 0, file.length)
  writeSegment(file, 64 + 56, 3, loaderAt, interpreter.length + 1)
  writeSegment(file, 64 + 112, 2, dynamicAt, tags.length * 16)
  file.write(interpreter, loaderAt)
  for (const [index, [tag = 0, value = 0]] of tags.entries()) {
    file.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16)
    file.writeBigUInt64LE(BigInt(tag === 5 ? ADDRESS + stringsAt : value), dynamicAt + index * 16 + 8)
  }
  strings.copy(file, stringsAt)
  return file
}

function writeSegment(file: Buffer, at: number, type: number, offset: number, size: number): void {
  file.writeUInt32LE(type, at)
  file.writeBigUInt64LE(BigInt(offset), at + 8)
  file.writeBigUInt64LE(BigInt(ADDRESS + offset), at + 16)
  file.writeBigUInt64LE(BigInt(size), at + 32)
}
