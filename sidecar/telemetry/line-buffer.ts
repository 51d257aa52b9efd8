// Lines on their way to a slow place: collected, handed over in large pieces, never waited for.
//
// In: whole lines. Out: one write at a time; the next begins when the last is done. What waits and what is being written
// together stay below `capBytes`: beyond it lines are dropped, whole and counted. It never blocks, never splits a line.
// A line is copied into a piece at once: kept as text, a few hundred of them survive into the old generation, and
// flattening them there was part of the 5 to 6 CPU-µs that a line cost (the same load with and without the access log).

export interface LineBufferOptions {
  /** Calls `done` when the bytes have been written, or cannot be; until then they must not be touched. */
  write: (bytes: Buffer, done: () => void) => void
  /** A line waits no longer than this for company. */
  flushMs: number
  /** As many bytes are written without waiting for flushMs. */
  bufferBytes: number
  capBytes: number
}

export interface LineBuffer {
  /** `line` ends with a line feed and is ASCII, so that its length is its size. */
  append(line: string): void
  /** Resolves when everything appended so far is written. */
  flush(): Promise<void>
  /** Flushes; lines appended later are dropped. */
  close(): Promise<void>
  /** Lines dropped since the start. */
  dropped(): number
}

export function createLineBuffer(options: LineBufferOptions): LineBuffer {
  let piece = Buffer.allocUnsafeSlow(options.bufferBytes)
  let used = 0
  /** Full pieces that wait for the write before them. */
  const full: Buffer[] = []
  let waitingBytes = 0
  let writing = false
  let dropped = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const flushed: (() => void)[] = []

  function append(line: string): void {
    if (closed || waitingBytes + line.length > options.capBytes) {
      dropped++
      return
    }
    if (used + line.length > piece.length) startPiece(line.length)
    waitingBytes += line.length
    used += piece.write(line, used, 'latin1')
    if (used >= options.bufferBytes) send()
    else if (!writing) timer ??= setTimeout(send, options.flushMs).unref()
  }

  /** A line longer than a piece gets one of its own. */
  function startPiece(bytesMin: number): void {
    if (used > 0) full.push(piece.subarray(0, used))
    piece = Buffer.allocUnsafeSlow(Math.max(options.bufferBytes, bytesMin))
    used = 0
    send()
  }

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    if (writing) return
    if (full.length === 0 && used > 0) startPiece(0)
    const bytes = full.shift()
    if (bytes === undefined || writing) return
    writing = true
    options.write(bytes, () => written(bytes.length))
  }

  function written(bytes: number): void {
    writing = false
    waitingBytes -= bytes
    if (waitingBytes === 0) for (const resolve of flushed.splice(0)) resolve()
    else if (flushed.length > 0 || full.length > 0) send()
    else timer ??= setTimeout(send, options.flushMs).unref()
  }

  function flush(): Promise<void> {
    if (waitingBytes === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    flushed.push(resolve)
    send()
    return promise
  }

  function close(): Promise<void> {
    closed = true
    return flush()
  }

  return { append, flush, close, dropped: () => dropped }
}
