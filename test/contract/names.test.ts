import { expect, test } from '@jest/globals'
import {
  CONFIG_FILE,
  CONFIG_GZIP_FILE,
  CONFIG_INDEX_FILE,
  credentialFile,
  LABELS_FILE,
  SHARDS_MAX,
  shardFile,
} from '../../contract/names.ts'

function check(name: string, parts: Parameters<typeof credentialFile>, expected: string): void {
  test(name, () => {
    expect(credentialFile(...parts)).toBe(expected)
  })
}

check('a credential of a file is named by where it belongs', ['ai', 'openai', 'primary'], 'ai.openai.primary')
check('in a cluster also by its version', ['ai', 'openai', 'primary', '4711'], 'ai.openai.primary.4711')

test('no credential can be named like a document or the labels, whoever chooses its names', () => {
  const own = [CONFIG_FILE, CONFIG_GZIP_FILE, CONFIG_INDEX_FILE, LABELS_FILE]
  own.push(...Array.from({ length: SHARDS_MAX }, (_, shard) => shardFile(shard)))
  const words = ['config', 'json', 'index', 'gz', 'labels', '0', '7']
  const named = words.flatMap((a) =>
    words.flatMap((b) => words.flatMap((c) => [undefined, ...words].map((d) => credentialFile(a, b, c, d)))),
  )
  expect(named.filter((name) => own.includes(name))).toEqual([])
  expect(credentialFile('config', 'json', 'gz')).toBe('_config.json.gz')
})
