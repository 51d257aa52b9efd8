// Passes an answer that Outrigger does not read: audio, files, anything without a known format.
import type { BodyReader } from './body-reader.ts'

export class OpaqueReader implements BodyReader {
  push(chunk: Buffer): Buffer {
    return chunk
  }

  end(): { rest: null; complete: true } {
    return { rest: null, complete: true }
  }

  usage(): undefined {
    return undefined
  }

  contentBytes(): undefined {
    return undefined
  }

  providerError(): undefined {
    return undefined
  }
}
