// The three forms of a document, and everything that can be wrong with one.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { DOCUMENT_BYTES_MAX } from '../../../contract/names.ts'
import { unpackDocument } from '../../../sidecar/config/document.ts'

const TEXT = '{"format":1,"name":"Ü🛶"}'
const GZIP = gzipSync(TEXT)
const [ZERO, ONE] = [GZIP.subarray(0, 10), GZIP.subarray(10)]

type Content = string | Uint8Array

function indexOf(...shards: Content[]): string {
  return JSON.stringify({
    revision: '0123456789abcdef',
    shards: shards.map((shard, i) => ({ file: `config.json.gz.${i}`, sha256: sha256(shard) })),
  })
}

function sha256(content: Content): string {
  return createHash('sha256').update(content).digest('hex')
}

function check(name: string, files: Readonly<Record<string, Content>>, expected: unknown): void {
  test(name, async () => {
    const buffers = Object.entries(files).map(([file, content]) => [file, Buffer.from(content as string)] as const)
    expect(await unpackDocument(new Map(buffers))).toEqual(expected)
  })
}

check('there is none as long as nothing is published', {}, undefined)
check('pieces alone are none', { 'config.json.gz.0': ZERO, 'config.json.gz.1': ONE }, undefined)
check('as it is', { 'config.json': TEXT }, { text: TEXT })
check('an empty one is an empty text', { 'config.json': '' }, { text: '' })
check('as gzip', { 'config.json.gz': GZIP }, { text: TEXT })
check(
  'as pieces of a gzip',
  { 'config.index.json': indexOf(ZERO, ONE), 'config.json.gz.0': ZERO, 'config.json.gz.1': ONE },
  { text: TEXT },
)
check(
  'pieces of an earlier, longer one do no harm',
  { 'config.index.json': indexOf(GZIP), 'config.json.gz.0': GZIP, 'config.json.gz.1': ONE },
  { text: TEXT },
)
check(
  'as it is, beside pieces that were not removed yet',
  { 'config.json': TEXT, 'config.json.gz.0': ZERO },
  { text: TEXT },
)

check(
  'two forms at once are refused',
  { 'config.json': TEXT, 'config.json.gz': GZIP },
  { problem: 'config.json and config.json.gz are both there; a document is published in one form only' },
)
check(
  'a gzip that ends early is refused',
  { 'config.json.gz': GZIP.subarray(0, -4) },
  { problem: 'config.json.gz: not gzip: unexpected end of file' },
)
check(
  'what is no gzip is refused',
  { 'config.json.gz': TEXT },
  { problem: 'config.json.gz: not gzip: incorrect header check' },
)
check(
  'a gzip that would fill the memory is refused',
  { 'config.json.gz': gzipSync(Buffer.alloc(DOCUMENT_BYTES_MAX + 1)) },
  { problem: 'config.json.gz: holds more than 67108864 bytes' },
)
check(
  'a piece that is missing is named',
  { 'config.index.json': indexOf(ZERO, ONE), 'config.json.gz.0': ZERO },
  { problem: 'config.json.gz.1 is not there; config.index.json names it' },
)
check(
  'a piece of another document is named',
  { 'config.index.json': indexOf(ZERO, ONE), 'config.json.gz.0': ZERO, 'config.json.gz.1': ZERO },
  { problem: 'config.json.gz.1 is of another document than config.index.json: their hashes differ' },
)
check(
  'pieces that fit and are no gzip are refused',
  { 'config.index.json': indexOf('a', 'b'), 'config.json.gz.0': 'a', 'config.json.gz.1': 'b' },
  { problem: 'config.index.json: not gzip: incorrect header check' },
)

const SHARD = { file: 'config.json.gz.0', sha256: sha256('') }
const REVISION = '0123456789abcdef'

const BAD_INDEXES: [what: string, index: unknown, why: RegExp][] = [
  ['that is no JSON', undefined, /not JSON/],
  ['that is no object', [], /expected an object/],
  ['without a revision', { shards: [SHARD] }, /revision: missing/],
  ['without pieces', { revision: REVISION, shards: [] }, /shards: expected each file once, in order, from .0 on/],
  ['with a piece twice', { revision: REVISION, shards: [SHARD, SHARD] }, /shards: expected each file once/],
  [
    'that names another file',
    { revision: REVISION, shards: [{ ...SHARD, file: '../../etc/passwd' }] },
    /shards\[0\]\.file: expected one of config\.json\.gz\.0/,
  ],
  ['with a hash that is none', { revision: REVISION, shards: [{ ...SHARD, sha256: 'x' }] }, /shards\[0\]\.sha256/],
  ['with a field of a later version', { revision: REVISION, shards: [SHARD], more: 1 }, /more: unknown field/],
]

test.each(BAD_INDEXES)('an index %s is refused', async (_, index, why) => {
  const text = index === undefined ? '{' : JSON.stringify(index)
  const unpacked = await unpackDocument(new Map([['config.index.json', Buffer.from(text)]]))
  expect(unpacked).toEqual({ problem: expect.stringMatching(why) })
})
