// Lines of a byte stream that may be cut anywhere, also within a character: bytes are put together first, text is made of
// whole lines only.

export interface LineSplitter {
  /** Calls back for each line that ends in these bytes. Throws what the callback throws, and for a line that is too long. */
  push(bytes: Buffer): void
  /** Bytes of the line that has begun and not ended. */
  readonly pendingBytes: number
}

export interface LineOptions {
  /** Without the line's end; never called for an empty line. */
  onLine(line: string): void
  lineBytesMax: number
}

const NEWLINE = 0x0a

export function createLineSplitter({ onLine, lineBytesMax }: LineOptions): LineSplitter {
  let pieces: Buffer[] = []
  let pendingBytes = 0

  const keep = (piece: Buffer): void => {
    if (piece.length === 0) return
    pendingBytes += piece.length
    if (pendingBytes > lineBytesMax) throw new RangeError(`a line is longer than ${lineBytesMax} bytes`)
    pieces.push(piece)
  }

  const takeLine = (): string => {
    const line = pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces, pendingBytes)
    pieces = []
    pendingBytes = 0
    return line.toString('utf8')
  }

  return {
    push(bytes) {
      let start = 0
      for (;;) {
        const end = bytes.indexOf(NEWLINE, start)
        if (end < 0) return keep(bytes.subarray(start))
        keep(bytes.subarray(start, end))
        start = end + 1
        const line = takeLine()
        if (line !== '') onLine(line)
      }
    },
    get pendingBytes() {
      return pendingBytes
    },
  }
}
