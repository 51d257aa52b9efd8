// OpenAI's realtime API over WebSocket: `session.created` first, then every JSON event comes back as it was sent. What is
// not JSON is answered with an `error` event, and binary frames come back as they are.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Call } from './call.ts'

/** Also Azure's spellings. */
const REALTIME_PATH = /^\/(?:v1|openai|openai\/v1)\/realtime$/

/** RFC 6455, 7.4.1. */
const CLOSED_WITHOUT_HANDSHAKE = 1006

export function isRealtime(path: string): boolean {
  return REALTIME_PATH.test(path)
}

export interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

export class RealtimeServer {
  // Subprotocols carry keys too (`openai-insecure-api-key.…`): only `realtime` may be echoed.
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    handleProtocols: (protocols) => (protocols.has('realtime') ? 'realtime' : false),
  })
  #closing = false

  /** Upgrades the connection. `closed` is called when the client ends the session; `clean`: by a closing handshake. */
  accept({ request, socket, head }: Handshake, call: Call, closed: (clean: boolean) => void): void {
    this.#server.handleUpgrade(request, socket, head, (client) => {
      client.on('close', (code) => {
        if (!this.#closing) closed(code !== CLOSED_WITHOUT_HANDSHAKE)
      })
      client.on('error', () => client.terminate())
      client.on('message', (data, isBinary) => {
        const text = String(data)
        if (isBinary || isJson(text)) client.send(isBinary ? data : text)
        else client.send(JSON.stringify(invalidEvent(call)))
      })
      client.send(JSON.stringify(sessionCreated(call)))
    })
  }

  close(): void {
    this.#closing = true
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }
}

function sessionCreated(call: Call): unknown {
  const model = call.model === '' ? 'gpt-realtime' : call.model
  const session = { id: call.id('sess_', 21), object: 'realtime.session', type: 'realtime', model }
  return { type: 'session.created', event_id: call.id('event_', 21), session }
}

function invalidEvent(call: Call): unknown {
  const error = { type: 'invalid_request_error', code: 'invalid_event', message: 'The event is not JSON.', param: null }
  return { type: 'error', event_id: call.id('event_', 21), error }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
