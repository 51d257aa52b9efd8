// Writes tar archives (POSIX ustar) whose bytes depend on paths, modes and contents only: entries sorted by path, owner 0:0,
// times 0. In: entries. Out: chunks, so that a layer can lie inside an archive without being copied. It knows plain files and
// folders, nothing else: an image needs no links and no devices. The system's tar was rejected because its defaults (order,
// times, owners, padding) differ between machines; a library, because all of it fits on one page.

export interface FolderEntry {
  kind: 'Folder'
  /** Relative, with `/`, without `/` at its end. */
  path: string
  /** Permission bits, sticky bit included. */
  mode: number
}

export interface FileEntry {
  kind: 'File'
  path: string
  mode: number
  /** The content, in pieces. */
  chunks: readonly Uint8Array[]
}

export type Entry = FolderEntry | FileEntry

const BLOCK = 512

/** Throws on a path twice, and on one that ustar cannot hold. */
export function renderTar(entries: readonly Entry[]): Uint8Array[] {
  const sorted = entries.toSorted((one, other) => compare(one.path, other.path))
  const twice = sorted.find(({ path }, index) => sorted[index + 1]?.path === path)
  if (twice !== undefined) throw new Error(`${twice.path}: two entries of an archive have this path`)
  return [...sorted.flatMap(renderEntry), new Uint8Array(2 * BLOCK)]
}

/** The folders above the entries that are not among them, with mode 0755, and the entries. */
export function withParents(entries: readonly Entry[]): Entry[] {
  const present = new Set(entries.map(({ path }) => path))
  const missing = new Set(entries.flatMap(({ path }) => parentsOf(path)).filter((path) => !present.has(path)))
  return [...[...missing].map((path): Entry => ({ kind: 'Folder', path, mode: 0o755 })), ...entries]
}

export function fileEntry(path: string, content: string | Uint8Array, mode = 0o644): FileEntry {
  return { kind: 'File', path, mode, chunks: [Buffer.from(content)] }
}

/** Bytes. */
export function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((size, { byteLength }) => size + byteLength, 0)
}

function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

function renderEntry(entry: Entry): Uint8Array[] {
  if (entry.kind === 'Folder') return [renderHeader(`${entry.path}/`, entry.mode, 0, '5')]
  const size = sizeOf(entry.chunks)
  const padding = new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)
  return [renderHeader(entry.path, entry.mode, size, '0'), ...entry.chunks, padding]
}

function renderHeader(path: string, mode: number, size: number, type: string): Uint8Array {
  const header = Buffer.alloc(BLOCK)
  const { prefix, name } = splitPath(path)
  header.write(name, 0)
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(size, 11), 124)
  header.write(octal(0, 11), 136)
  // The checksum is taken with its own field as spaces.
  header.write(' '.repeat(8), 148)
  header.write(type, 156)
  header.write('ustar\u000000', 257)
  header.write(octal(0, 7), 329)
  header.write(octal(0, 7), 337)
  header.write(prefix, 345)
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  header.write(`${octal(checksum, 6)}\0 `, 148)
  return header
}

/** ustar keeps up to 155 bytes of a long path's folders in a field of their own, and 100 bytes of the rest. */
function splitPath(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path }
  const cuts = [...path.matchAll(/\/(?=.)/g)].map(({ index }) => index)
  const cut = cuts.find((at) => Buffer.byteLength(path.slice(at + 1)) <= 100)
  if (cut === undefined || cut > 155) throw new Error(`${path}: too long for a tar archive`)
  return { prefix: path.slice(0, cut), name: path.slice(cut + 1) }
}

function octal(value: number, digits: number): string {
  const text = value.toString(8)
  if (text.length > digits) throw new Error(`${value} does not fit into a tar header`)
  return text.padStart(digits, '0')
}
