// A provider whose every byte and every close a test decides: a bare socket server, read from the test's side.
//
//   const connection = await fake.connection()      // the next one that comes
//   expect(await connection.request()).toMatch(/^POST \/v1/)
//   connection.write('HTTP/1.1 200 OK\r\n…')
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export class FakeProvider {
  readonly connections: FakeConnection[] = []
  readonly #server: net.Server
  #taken = 0
  #arrived: (() => void) | undefined

  private constructor(server: net.Server) {
    this.#server = server
    server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      this.connections.push(new FakeConnection(socket))
      this.#arrived?.()
    })
  }

  static async start(tlsOptions?: tls.TlsOptions): Promise<FakeProvider> {
    const server = tlsOptions === undefined ? net.createServer() : tls.createServer(tlsOptions)
    const fake = new FakeProvider(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return fake
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  /** How many are open now. */
  get open(): number {
    return this.connections.filter(({ socket }) => !socket.destroyed).length
  }

  /** The next connection that no test has taken yet. */
  async connection(): Promise<FakeConnection> {
    for (;;) {
      const next = this.connections[this.#taken]
      if (next !== undefined) {
        this.#taken++
        return next
      }
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
  }

  /** Answers every request on every connection, present and future, as `answer` says. */
  async serve(answer: (request: string, connection: FakeConnection) => string | undefined): Promise<never> {
    for (;;) {
      const connection = await this.connection()
      void serveOn(connection, answer)
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const { socket } of this.connections) socket.destroy()
    await closed
  }
}

async function serveOn(
  connection: FakeConnection,
  answer: (request: string, connection: FakeConnection) => string | undefined,
): Promise<void> {
  for (let request = await connection.request(); request !== undefined; request = await connection.request()) {
    const text = answer(request, connection)
    if (text !== undefined) connection.write(text)
  }
}

export class FakeConnection {
  readonly socket: net.Socket
  /** Resolves when the other side has closed or reset it, or the test has. */
  readonly closed: Promise<void>
  #unread = Buffer.alloc(0)
  #ended = false
  #woken: (() => void) | undefined

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, bytes])
      this.#woken?.()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ended = true
        this.#woken?.()
        resolve()
      })
    })
  }

  /** The next whole request, head and body; undefined when the connection closed before. */
  async request(): Promise<string | undefined> {
    for (;;) {
      const text = this.#unread.toString('latin1')
      const headEnd = text.indexOf('\r\n\r\n') + 4
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0)
      if (headEnd > 3 && text.length >= headEnd + length) {
        this.#unread = this.#unread.subarray(headEnd + length)
        return text.slice(0, headEnd + length)
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#woken = resolve
      })
    }
  }

  write(text: string | Buffer): void {
    this.socket.write(text, 'latin1')
  }

  /** Bytes that came and belong to no whole request yet. */
  get unread(): string {
    return this.#unread.toString('latin1')
  }
}
