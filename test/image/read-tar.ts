// Reads an archive back, field by field as POSIX says, so that the writer is not its own judge.

export interface TarMember {
  path: string
  /** `0` is a file, `5` a folder. */
  type: string
  mode: number
  owner: string
  modifiedAt: number
  content: Buffer
}

/** Throws for a wrong checksum. */
export function readTar(archive: Buffer): TarMember[] {
  const members: TarMember[] = []
  for (let at = 0; archive[at] !== 0; ) {
    const header = archive.subarray(at, at + 512)
    const size = number(header, 124, 12)
    checkSum(header)
    members.push({
      path: [text(header, 345, 155), text(header, 0, 100)].filter((part) => part !== '').join('/'),
      type: text(header, 156, 1),
      mode: number(header, 100, 8),
      owner: `${number(header, 108, 8)}:${number(header, 116, 8)}`,
      modifiedAt: number(header, 136, 12),
      content: archive.subarray(at + 512, at + 512 + size),
    })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}

export function contentOf(members: readonly TarMember[], path: string): Buffer {
  const member = members.find((candidate) => candidate.path === path)
  if (member === undefined) throw new Error(`${path} is not in the archive: ${members.map((one) => one.path)}`)
  return member.content
}

function checkSum(header: Buffer): void {
  const blank = Buffer.from(header)
  blank.fill(' ', 148, 156)
  const sum = blank.reduce((total, byte) => total + byte, 0)
  if (sum !== number(header, 148, 8)) throw new Error(`${text(header, 0, 100)}: wrong checksum`)
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '')
}

function number(header: Buffer, at: number, length: number): number {
  return Number.parseInt(text(header, at, length), 8)
}
