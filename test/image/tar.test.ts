import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { type Entry, fileEntry, renderTar, withParents } from '../../scripts/image/tar.ts'
import { folderForTests } from '../support/folder.ts'
import { readTar } from './read-tar.ts'

const folder = folderForTests()

const LONG = `${'deep/'.repeat(30)}${'n'.repeat(80)}`
const ENTRIES: readonly Entry[] = withParents([
  fileEntry('usr/bin/node', 'binary', 0o755),
  fileEntry('usr/bin-x', ''),
  fileEntry(LONG, 'x'.repeat(513)),
  { kind: 'Folder', path: 'tmp', mode: 0o1777 },
])

test('what is written can be read back: sorted, owned by root, at time 0, with the modes asked for', () => {
  const members = readTar(Buffer.concat(renderTar(ENTRIES))).filter((member) => !member.path.startsWith('deep/d'))
  expect(members.map((member) => ({ ...member, content: member.content.toString() }))).toEqual(
    [
      { path: 'deep/', type: '5', mode: 0o755, content: '' },
      { path: 'tmp/', type: '5', mode: 0o1777, content: '' },
      { path: 'usr/', type: '5', mode: 0o755, content: '' },
      { path: 'usr/bin/', type: '5', mode: 0o755, content: '' },
      { path: 'usr/bin-x', type: '0', mode: 0o644, content: '' },
      { path: 'usr/bin/node', type: '0', mode: 0o755, content: 'binary' },
    ].map((member) => ({ ...member, owner: '0:0', modifiedAt: 0 })),
  )
})

test('the order of the entries changes no byte', () => {
  const archive = (entries: readonly Entry[]) => Buffer.concat(renderTar(entries)).toString('base64')
  expect(archive(ENTRIES.toReversed())).toBe(archive(ENTRIES))
})

test("the system's tar reads it too, long paths included", () => {
  const file = path.join(folder(), 'x.tar')
  writeFileSync(file, Buffer.concat(renderTar(ENTRIES)))
  const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n')
  expect(listed).toContain(LONG)
  expect(listed).toHaveLength(ENTRIES.length)
  expect(execFileSync('tar', ['-xOf', file, LONG], { encoding: 'utf8' })).toBe('x'.repeat(513))
})

test.each([
  ['a path twice', [fileEntry('a', '1'), fileEntry('a', '2')], 'a: two entries of an archive have this path'],
  ['a name of more than 100 bytes', [fileEntry(`a/${'n'.repeat(101)}`, '')], 'too long for a tar archive'],
  ['folders of more than 155 bytes', [fileEntry(`${'f'.repeat(156)}/${'n'.repeat(99)}`, '')], 'too long'],
])('refuses %s', (_, entries, message) => {
  expect(() => renderTar(entries)).toThrow(message)
})
