// Reads from an ELF file what the dynamic loader would: which loader it asks for, and which libraries. `ldd` was rejected: it
// runs the file, so it cannot look at another architecture's.

export interface ElfFacts {
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  machine: number
  /** Path of the loader; a library names none. */
  interpreter: string | undefined
  /** Sonames, in the file's order. */
  needed: readonly string[]
}

interface Segment {
  type: number
  offset: number
  address: number
  size: number
}

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const
const TAG = { needed: 1, stringTable: 5 } as const
const DYNAMIC_ENTRY_BYTES = 16

/** Throws for what is no 64-bit little-endian ELF file; `name` is for the message. */
export function parseElf(file: Buffer, name: string): ElfFacts {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error(`${name}: expected a 64-bit little-endian ELF file`)
  }
  const segments = readSegments(file)
  const interpreter = segments.find(({ type }) => type === SEGMENT.interpreter)
  return {
    machine: file.readUInt16LE(18),
    interpreter: interpreter && textAt(file, interpreter.offset),
    needed: readNeeded(file, segments),
  }
}

function readSegments(file: Buffer): Segment[] {
  const offset = Number(file.readBigUInt64LE(32))
  const entryBytes = file.readUInt16LE(54)
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = offset + index * entryBytes
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    }
  })
}

function readNeeded(file: Buffer, segments: readonly Segment[]): string[] {
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic)
  if (dynamic === undefined) return []
  const entries = Array.from({ length: Math.floor(dynamic.size / DYNAMIC_ENTRY_BYTES) }, (_, index) => {
    const at = dynamic.offset + index * DYNAMIC_ENTRY_BYTES
    return { tag: Number(file.readBigInt64LE(at)), value: Number(file.readBigUInt64LE(at + 8)) }
  })
  const table = entries.find(({ tag }) => tag === TAG.stringTable)
  if (table === undefined) return []
  const start = offsetOf(table.value, segments)
  return entries.filter(({ tag }) => tag === TAG.needed).map(({ value }) => textAt(file, start + value))
}

/** Where in the file lies what the loader maps to the address. */
function offsetOf(address: number, segments: readonly Segment[]): number {
  const holds = (segment: Segment) => address >= segment.address && address < segment.address + segment.size
  const segment = segments.find((candidate) => candidate.type === SEGMENT.load && holds(candidate))
  return segment === undefined ? address : segment.offset + address - segment.address
}

function textAt(file: Buffer, offset: number): string {
  return file.toString('latin1', offset, file.indexOf(0, offset))
}
