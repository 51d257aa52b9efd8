// A plain HTTP client for tests: what a status, a header or a broken connection is, without an SDK in between.
import http from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  /** False when the connection broke before the body's end. */
  readonly complete: boolean
}

export interface AskOptions {
  method?: string
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON, a string as it is; absent: a GET without a body. */
  body?: unknown
  /** A connection of its own unless one is given. */
  agent?: http.Agent
  /** Called with the body so far whenever more of it comes. */
  onBody?(body: string): void
  signal?: AbortSignal
}

/** Resolves also when the answer breaks off; rejects when none came. */
export function ask(url: string, options: AskOptions = {}): Promise<Reply> {
  const { body, headers, agent = false, onBody, signal } = options
  const method = options.method ?? (body === undefined ? 'GET' : 'POST')
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const sent = body === undefined ? {} : { 'content-type': 'application/json' }
  const request = http.request(url, { method, headers: { ...sent, ...headers }, agent, ...(signal && { signal }) })
  request.on('error', reject)
  request.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (piece: string) => {
      text += piece
      onBody?.(text)
    })
    response.on('error', () => {})
    response.on('close', () => {
      const { statusCode: status = 0, headers, complete } = response
      resolve({ status, headers, body: text, complete })
    })
  })
  request.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
  return promise
}

/** A chat request in OpenAI's dialect. */
export function chat(model: string, more: object = {}): object {
  return { model, messages: [{ role: 'user', content: 'Hello there' }], ...more }
}

export async function askJson(url: string): Promise<Record<string, unknown>> {
  const { body } = await ask(url)
  return JSON.parse(body) as Record<string, unknown>
}

const PATIENCE_MS = 10_000

/** Looks again and again until `met` is true of what is seen. Throws with what was seen last when that takes too long. */
export async function until<T>(look: () => T | Promise<T>, met: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const seen = await look()
    if (met(seen)) return seen
    if (Date.now() > deadline) throw new Error(`still not so after ${PATIENCE_MS} ms: ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
