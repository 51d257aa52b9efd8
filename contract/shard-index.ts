// The pieces of a document that no single ConfigMap can hold: what the operator writes in place of it, and how a sidecar reads
// that. The pieces come from several objects, which are not written at one moment; the hashes tell a set that belongs together.
import { SHARDS_MAX, shardFile } from './names.ts'
import { type Check, isObject, listOf, objectOf, oneOf, text } from './shape.ts'

export interface ShardIndex {
  /** Of the document. */
  revision: string
  /** In their order: joined, they are the gzip of the document. */
  shards: Shard[]
}

export interface Shard {
  file: string
  /** SHA-256 of the file, in lower-case hex. */
  sha256: string
}

const isShardIndex: Check<ShardIndex> = objectOf<ShardIndex>({
  revision: text('16 lower-case hex digits', (value) => /^[0-9a-f]{16}$/.test(value)),
  shards: listOf(
    objectOf<Shard>({
      file: oneOf(...Array.from({ length: SHARDS_MAX }, (_, shard) => shardFile(shard))),
      sha256: text('64 lower-case hex digits', (value) => /^[0-9a-f]{64}$/.test(value)),
    }),
  ),
})

/** Never throws. Problems read `shards[0].sha256: missing`. */
export function parseShardIndex(json: string): { index: ShardIndex } | { problems: string[] } {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] }
  }
  const problems: string[] = []
  if (!isObject(value)) return { problems: ['expected an object'] }
  if (!isShardIndex(value, '', problems)) return { problems }
  const inOrder = value.shards.length > 0 && value.shards.every(({ file }, shard) => file === shardFile(shard))
  return inOrder ? { index: value } : { problems: ['shards: expected each file once, in order, from .0 on'] }
}
