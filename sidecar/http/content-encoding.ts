// The content-encodings that Outrigger can undo (RFC 9110 §8.4.1), for requests off clients and answers off providers.
import zlib from 'node:zlib'

export type Decoder = zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | zlib.ZstdDecompress

const CHUNK_BYTES = 64 * 1024
// RFC 9659: larger windows are not valid in HTTP; with Node's default a few bytes could claim 128 MiB.
const ZSTD_WINDOW_LOG_MAX = 23

const DECODERS: ReadonlyMap<string, () => Decoder> = new Map([
  ['gzip', () => zlib.createGunzip({ chunkSize: CHUNK_BYTES })],
  ['x-gzip', () => zlib.createGunzip({ chunkSize: CHUNK_BYTES })],
  ['deflate', () => zlib.createInflate({ chunkSize: CHUNK_BYTES })],
  ['br', () => zlib.createBrotliDecompress({ chunkSize: CHUNK_BYTES })],
  ['zstd', createZstdDecoder],
])

/** Undefined for an encoding that is unknown, or a list of several. */
export function createDecoder(encoding: string): Decoder | undefined {
  return DECODERS.get(encoding.toLowerCase())?.()
}

function createZstdDecoder(): Decoder {
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX }
  return zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES, params })
}
