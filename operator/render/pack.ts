// A document → the contents of ConfigMaps, in the first of three forms in which it fits: as it is, which people can read with
// kubectl; as gzip; as pieces of that gzip, one ConfigMap each, with an index of their hashes.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import {
  CONFIG_FILE,
  CONFIG_GZIP_FILE,
  CONFIG_INDEX_FILE,
  DOCUMENT_BYTES_MAX,
  SHARDS_MAX,
  shardFile,
} from '../../contract/names.ts'
import type { ShardIndex } from '../../contract/shard-index.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'

/**
 * Of what one object holds. Kubernetes takes 1 MiB of values in a ConfigMap or Secret (MaxSecretSize), 3 MiB in a request and
 * 1.5 MiB in etcd. The rest of the 1 MiB is left to the index and to whatever else somebody puts in; JSON text at most
 * doubles as a JSON string in the request, base64 adds a third, so both stay below the other two.
 */
export const OBJECT_BYTES_MAX = 900 * 1024

const GZIP_BYTES_MAX = SHARDS_MAX * OBJECT_BYTES_MAX

/** Fixed, as the bytes depend on it: another default would write every large document anew. */
const GZIP_LEVEL = 6

/** What makes up one ConfigMap. */
export interface Contents {
  data?: Record<string, string>
  /** Base64. */
  binaryData?: Record<string, string>
}

export interface TooLarge {
  what: 'Document' | 'CompressedDocument' | 'Credentials'
  bytes: number
  bytesMax: number
}

/** One entry for each ConfigMap that is needed, in the order of `shardConfigMap`. */
export function packDocument(config: SidecarConfig): { contents: Contents[] } | { tooLarge: TooLarge } {
  const text = JSON.stringify(config)
  const bytes = Buffer.byteLength(text)
  if (bytes <= OBJECT_BYTES_MAX) return { contents: [{ data: { [CONFIG_FILE]: text } }] }
  if (bytes > DOCUMENT_BYTES_MAX) return { tooLarge: { what: 'Document', bytes, bytesMax: DOCUMENT_BYTES_MAX } }
  const gzip = gzipped(text)
  if (gzip.length <= OBJECT_BYTES_MAX) return { contents: [{ binaryData: { [CONFIG_GZIP_FILE]: base64(gzip) } }] }
  if (gzip.length > GZIP_BYTES_MAX) {
    return { tooLarge: { what: 'CompressedDocument', bytes: gzip.length, bytesMax: GZIP_BYTES_MAX } }
  }
  return { contents: sharded(gzip, config.revision) }
}

function gzipped(text: string): Buffer {
  const bytes = gzipSync(text, { level: GZIP_LEVEL })
  // RFC 1952, byte 9 names the operating system; 255 is "unknown", so that all of them give the same bytes.
  bytes[9] = 255
  return bytes
}

function sharded(gzip: Buffer, revision: string): Contents[] {
  const count = Math.ceil(gzip.length / OBJECT_BYTES_MAX)
  const pieces = Array.from({ length: count }, (_, shard) =>
    gzip.subarray(shard * OBJECT_BYTES_MAX, (shard + 1) * OBJECT_BYTES_MAX),
  )
  const shards = pieces.map((piece, shard) => ({ file: shardFile(shard), sha256: sha256(piece) }))
  const index: ShardIndex = { revision, shards }
  return pieces.map((piece, shard) => ({
    ...(shard === 0 && { data: { [CONFIG_INDEX_FILE]: JSON.stringify(index) } }),
    binaryData: { [shardFile(shard)]: base64(piece) },
  }))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}
