// Reads requests off a connection of the fault provider: as much of HTTP/1.1 as a sidecar sends.

export interface IncomingRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Lower-case names; of several with one name the last. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One per connection. A request that comes before the one before it was answered is not told apart: sidecars do not pipeline. */
export class RequestReader {
  #pieces: Buffer[] = []
  #bytes = 0
  /** Of head and body; undefined until the head is there. */
  #wholeBytes: number | undefined
  #headBytes = 0

  /** The request that these bytes complete. */
  push(bytes: Buffer): IncomingRequest | undefined {
    this.#pieces.push(bytes)
    this.#bytes += bytes.length
    this.#wholeBytes ??= this.#measure()
    if (this.#wholeBytes === undefined || this.#bytes < this.#wholeBytes) return undefined
    const all = Buffer.concat(this.#pieces)
    const request = parse(all.toString('latin1', 0, this.#headBytes), all.subarray(this.#headBytes, this.#wholeBytes))
    const rest = all.subarray(this.#wholeBytes)
    this.#pieces = [rest]
    this.#bytes = rest.length
    this.#wholeBytes = undefined
    return request
  }

  #measure(): number | undefined {
    const all = Buffer.concat(this.#pieces)
    this.#pieces = [all]
    const end = all.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    this.#headBytes = end + 4
    const length = /^content-length: *(\d+)/im.exec(all.toString('latin1', 0, this.#headBytes))?.[1]
    return this.#headBytes + Number(length ?? 0)
  }
}

function parse(head: string, body: Buffer): IncomingRequest {
  const [requestLine = '', ...lines] = head.trimEnd().split('\r\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return { method, path, headers, body: body.toString() }
}
