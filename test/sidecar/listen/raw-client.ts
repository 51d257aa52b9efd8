// A client of which every byte is the test's own, and that reads replies strictly: what follows a reply must be the next
// one, or the test has lost track of the framing.
import net from 'node:net'

export interface RawReply {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
  /** Statuses of the interim replies before it. */
  interim: number[]
}

export class RawClient {
  readonly socket: net.Socket
  /** Resolves when the sidecar has closed the connection, or reset it. */
  readonly closed: Promise<void>
  #bytes = ''
  #ended = false
  #woken: (() => void) | undefined

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.#bytes += bytes.toString('latin1')
      this.#woken?.()
    })
    this.closed = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true
        this.#woken?.()
        resolve()
      }
      socket.on('end', end)
      socket.on('close', end)
    })
  }

  /** `url` as http://host:port. */
  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    const client = new RawClient(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
    return client
  }

  /** Whether a reply, or any byte, has come that nobody has read yet. */
  get unread(): string {
    return this.#bytes
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  leave(): void {
    this.socket.destroy()
  }

  /** The next whole reply; `closed` when the connection ended without one, `cut` when it ended within one. */
  async reply(method = 'POST'): Promise<RawReply | 'closed' | 'cut'> {
    const interim: number[] = []
    for (;;) {
      const head = await this.#head()
      if (head === undefined) return this.#bytes === '' ? 'closed' : 'cut'
      if (head.status < 200) {
        interim.push(head.status)
        continue
      }
      const body = await this.#body(head, method)
      return body === undefined ? 'cut' : { ...head, body, interim }
    }
  }

  async interim(): Promise<number | undefined> {
    return (await this.#head())?.status
  }

  async #head(): Promise<Pick<RawReply, 'status' | 'headers'> | undefined> {
    const text = await this.#take((bytes) => {
      const end = bytes.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    })
    if (text === undefined) return undefined
    const [statusLine = '', ...lines] = text.trimEnd().split('\r\n')
    const match = /^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(statusLine)
    if (match === null) throw new Error(`no status line: ${JSON.stringify(statusLine)}`)
    const headers = lines.map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.replace(/^[^:]*:\s*/, '')])
    return { status: Number(match[1]), headers: Object.fromEntries(headers) as Record<string, string> }
  }

  async #body({ status, headers }: Pick<RawReply, 'status' | 'headers'>, method: string): Promise<string | undefined> {
    if (method === 'HEAD' || status === 204 || status === 304) return ''
    const length = headers['content-length']
    if (length !== undefined) {
      return this.#take((bytes) => (bytes.length < Number(length) ? undefined : Number(length)))
    }
    if (headers['transfer-encoding'] === 'chunked') return this.#chunks()
    if (headers.connection !== 'close') throw new Error('a reply without framing on a connection that lives on')
    await this.closed
    return this.#take((bytes) => bytes.length)
  }

  async #chunks(): Promise<string | undefined> {
    let body = ''
    for (;;) {
      const line = await this.#take((bytes) => (bytes.includes('\r\n') ? bytes.indexOf('\r\n') + 2 : undefined))
      if (line === undefined) return undefined
      if (!/^[0-9a-f]+\r\n$/.test(line)) throw new Error(`no chunk size: ${JSON.stringify(line)}`)
      const size = Number.parseInt(line, 16)
      const chunk = await this.#take((bytes) => (bytes.length < size + 2 ? undefined : size + 2))
      if (chunk === undefined) return undefined
      if (!chunk.endsWith('\r\n')) throw new Error('a chunk that is longer than its size')
      if (size === 0) return body
      body += chunk.slice(0, -2)
    }
  }

  /** As many bytes as `enough` says, waiting for them; undefined when the connection ended before. */
  async #take(enough: (bytes: string) => number | undefined): Promise<string | undefined> {
    for (;;) {
      const count = enough(this.#bytes)
      if (count !== undefined) {
        const taken = this.#bytes.slice(0, count)
        this.#bytes = this.#bytes.slice(count)
        return taken
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#woken = resolve
      })
    }
  }
}
