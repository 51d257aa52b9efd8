// The document, in whichever of its three forms it was published: as it is, as gzip, or as pieces of that gzip with an index
// of their hashes (a ConfigMap holds 1 MiB). In: the files of one publication. Out: the text, or why there is none.
//
// The pieces lie in several objects, which the kubelet may have fetched at different moments: a piece that the index does not
// know, or does not have yet, makes no document at all. Never more than DOCUMENT_BYTES_MAX is unpacked.
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import {
  CONFIG_FILE,
  CONFIG_GZIP_FILE,
  CONFIG_INDEX_FILE,
  DOCUMENT_BYTES_MAX,
  SHARDS_MAX,
  shardFile,
} from '../../contract/names.ts'
import { parseShardIndex } from '../../contract/shard-index.ts'

type Files = ReadonlyMap<string, Buffer>

export type UnpackedDocument = { text: string } | { problem: string }

const FORMS: readonly [file: string, unpack: (bytes: Buffer, files: Files) => Promise<UnpackedDocument>][] = [
  [CONFIG_FILE, async (bytes) => ({ text: bytes.toString() })],
  [CONFIG_GZIP_FILE, (bytes) => unzip(CONFIG_GZIP_FILE, bytes)],
  [CONFIG_INDEX_FILE, (bytes, files) => join(bytes, files)],
]

/** All that may be part of a document. */
export const DOCUMENT_FILES: readonly string[] = [
  ...FORMS.map(([file]) => file),
  ...Array.from({ length: SHARDS_MAX }, (_, shard) => shardFile(shard)),
]

/** Undefined: nothing was published yet. Problems name the file. */
export async function unpackDocument(files: Files): Promise<UnpackedDocument | undefined> {
  const found = FORMS.filter(([file]) => files.has(file))
  if (found.length > 1) {
    const names = found.map(([file]) => file).join(' and ')
    return { problem: `${names} are both there; a document is published in one form only` }
  }
  for (const [file, unpack] of found) return unpack(files.get(file) ?? Buffer.alloc(0), files)
  return undefined
}

async function join(bytes: Buffer, files: Files): Promise<UnpackedDocument> {
  const parsed = parseShardIndex(bytes.toString())
  if ('problems' in parsed) return { problem: `${CONFIG_INDEX_FILE}: ${parsed.problems.join('; ')}` }
  const shards: Buffer[] = []
  for (const { file, sha256 } of parsed.index.shards) {
    const shard = files.get(file)
    if (shard === undefined) return { problem: `${file} is not there; ${CONFIG_INDEX_FILE} names it` }
    if (hash('sha256', shard) !== sha256) {
      return { problem: `${file} is of another document than ${CONFIG_INDEX_FILE}: their hashes differ` }
    }
    shards.push(shard)
  }
  return unzip(CONFIG_INDEX_FILE, Buffer.concat(shards))
}

const unzipped = promisify(gunzip)

async function unzip(file: string, bytes: Buffer): Promise<UnpackedDocument> {
  try {
    return { text: (await unzipped(bytes, { maxOutputLength: DOCUMENT_BYTES_MAX })).toString() }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const tooLarge = code === 'ERR_BUFFER_TOO_LARGE'
    return { problem: `${file}: ${tooLarge ? `holds more than ${DOCUMENT_BYTES_MAX} bytes` : `not gzip: ${message}`}` }
  }
}
