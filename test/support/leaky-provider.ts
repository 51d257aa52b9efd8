// A provider that answers in OpenAI's paths with the credential it was sent, in places where no real one puts it: what the
// mock, which is well-behaved even in its faults, does not do. The header `x-leak` of a request names the place.
import { createServer, type Socket } from 'node:net'

export interface LeakyProvider {
  readonly url: string
  close(): Promise<void>
}

const CHUNKED = 'transfer-encoding: chunked\r\n'

/** Whole responses, by name; the connection is closed behind each. */
const LEAKS: Readonly<Record<string, (key: string) => string>> = {
  'reason phrase': (key) => `HTTP/1.1 401 ${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'status line that is none': (key) => `${key} HTTP/1.1 200 OK\r\n\r\n`,
  'header that is none': (key) => `HTTP/1.1 200 OK\r\n${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'header name': (key) => `HTTP/1.1 200 OK\r\n${key}: x\r\ncontent-length: 2\r\n\r\n{}`,
  'header that is too long': (key) => `HTTP/1.1 200 OK\r\nx-long: ${key.repeat(20_000)}\r\n\r\n`,
  location: (key) => `HTTP/1.1 307 Go\r\nlocation: /v1?key=${key}\r\ncontent-length: 0\r\n\r\n`,
  cookie: (key) => `HTTP/1.1 200 OK\r\nset-cookie: a=${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'content type': (key) => `HTTP/1.1 400 No\r\ncontent-type: text/${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'content encoding': (key) => `HTTP/1.1 200 OK\r\ncontent-encoding: ${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'chunk size': (key) => `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n${key}\r\n\r\n`,
  'content length': (key) => `HTTP/1.1 200 OK\r\ncontent-length: ${key}\r\n\r\n`,
  trailer: (key) => `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n2\r\n{}\r\n0\r\nx-trailer: ${key}\r\n\r\n`,
  hint: (key) => `HTTP/1.1 103 Early\r\nlink: ${key}\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`,
  'json body': (key) => json(`{"error":{"message":"wrong key ${key}, yes ${key}${key}"}}`),
  'truncated json body': (key) => `HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"key":"${key}`,
  'json body that is none': (key) => json(`{"key":"${key}",,,`),
  'error code': (key) => refusal(400, key),
  'error code of a refusal': (key) => refusal(401, key),
  'error code of a limit': (key) => refusal(429, key),
  'error code of a fault': (key) => refusal(500, key),
  'error code in a success': (key) => json(errorOf(key)),
  'event with an error code': (key) => stream(`data: ${errorOf(key)}\n\n`),
  'event with an error code behind start-up': (key) => stream(`data: {"choices":[]}\n\ndata: ${errorOf(key)}\n\n`),
  'event with an error code behind content': (key) =>
    stream(`data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: ${errorOf(key)}\n\n`),
  'wait that is none': (key) => `HTTP/1.1 503 No\r\nretry-after: ${key}\r\ncontent-length: 2\r\n\r\n{}`,
  'text body': (key) => `HTTP/1.1 500 No\r\ncontent-type: text/plain\r\n\r\nwrong key ${key}`,
  'body of bytes': (key) => `HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n${key}${key}`,
  'body of bytes that ends within': (key) =>
    `HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\n${key}${key.slice(0, -1)}`,
  event: (key) => stream(`data: {"error":{"message":"${key}"}}\n\n`),
  'event name': (key) => stream(`event: ${key}\ndata: {}\n\n`),
  comment: (key) => stream(`: ${key}\n\ndata: {"choices":[]}\n\n`),
  'event that ends within': (key) => stream(`data: {"choices":[]}\n\ndata: ${key.slice(0, -1)}`),
  'bytes behind the answer': (key) => `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}${key}`,
}

export const LEAK_NAMES: readonly string[] = Object.keys(LEAKS)

/** `pieceBytes`: each its own write, so that the key comes in parts. */
export async function startLeakyProvider(pieceBytes: number): Promise<LeakyProvider> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    let head = ''
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      const key = /^authorization: Bearer (\S+)/im.exec(head)?.[1] ?? ''
      const leak = LEAKS[/^x-leak: (.*)\r/im.exec(head)?.[1] ?? '']
      head = ''
      void answer(socket, leak?.(key) ?? 'HTTP/1.1 500 No leak of that name\r\ncontent-length: 0\r\n\r\n', pieceBytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(socket: Socket, response: string, pieceBytes: number): Promise<void> {
  for (let at = 0; at < response.length && !socket.destroyed; at += pieceBytes) {
    await new Promise((resolve) => socket.write(response.slice(at, at + pieceBytes), 'latin1', resolve))
  }
  socket.end()
}

function errorOf(key: string): string {
  return JSON.stringify({ error: { message: key, type: key, code: key, status: key, param: key } })
}

function refusal(status: number, key: string): string {
  const body = errorOf(key)
  return `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function json(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function stream(events: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${events}`
}
