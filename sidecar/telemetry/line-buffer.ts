// Lines on their way to a slow place: collected, handed over in large pieces, never waited for.
//
// In: whole lines. Out: one write at a time; the next begins when the last is done. What waits and what is being written
// together stay below `capBytes`: beyond it lines are dropped, whole and counted. It never blocks, never splits a line.

export interface LineBufferOptions {
  /** Takes ownership of the text and calls `done` when it has been written, or cannot be. */
  write: (text: string, done: () => void) => void
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
  let waiting = ''
  let writingBytes = 0
  let dropped = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const flushed: (() => void)[] = []

  function append(line: string): void {
    if (closed || waiting.length + writingBytes + line.length > options.capBytes) {
      dropped++
      return
    }
    waiting += line
    if (waiting.length >= options.bufferBytes) send()
    else if (writingBytes === 0) timer ??= setTimeout(send, options.flushMs).unref()
  }

  function send(): void {
    if (writingBytes > 0 || waiting === '') return
    clearTimeout(timer)
    timer = undefined
    const text = waiting
    waiting = ''
    writingBytes = text.length
    options.write(text, written)
  }

  function written(): void {
    writingBytes = 0
    if (waiting === '') {
      for (const resolve of flushed.splice(0)) resolve()
    } else if (flushed.length > 0 || waiting.length >= options.bufferBytes) send()
    else timer ??= setTimeout(send, options.flushMs).unref()
  }

  function flush(): Promise<void> {
    if (waiting === '' && writingBytes === 0) return Promise.resolve()
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
