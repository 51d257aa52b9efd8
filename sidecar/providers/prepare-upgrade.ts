// A WebSocket upgrade (the realtime APIs), written for its provider: the same path, query and header rules as for any
// request, and the handshake headers (RFC 6455 §4.1) as the client sent them, since both ends of the tunnel are theirs.
import type { Provider } from '../config/runtime.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Attempt } from '../request/route.ts'
import { headerBlock } from './headers.ts'
import { targetOf } from './prepare.ts'

export interface PreparedUpgrade {
  readonly provider: Provider
  readonly target: string
  /** `name: value\r\n` lines in latin1, without host and the key. */
  readonly headers: string
}

const PROTOCOL = 'sec-websocket-protocol'
const HANDSHAKE: ReadonlySet<string> = new Set([
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  PROTOCOL,
])

/** Browsers cannot set headers here, so OpenAI's SDK hides its key, organization and project among the subprotocols. */
const CREDENTIAL_PROTOCOL = /^openai-(?:insecure-api-key|organization|project)\./i

/** Throws Refusal `model_not_found` when no path of the provider can name the model. */
export function prepareUpgrade(request: DecodedRequest, attempt: Attempt): PreparedUpgrade {
  const { provider } = attempt
  const { rawHeaders } = request.head
  let headers = `${headerBlock(rawHeaders, provider.headers)}connection: Upgrade\r\nupgrade: websocket\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (!HANDSHAKE.has(name)) continue
    const sent = rawHeaders[i + 1] as string
    const value = name === PROTOCOL ? withoutCredentials(sent) : sent
    if (value !== '') headers += `${name}: ${value}\r\n`
  }
  return { provider, target: targetOf(request, attempt), headers }
}

function withoutCredentials(protocols: string): string {
  return protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !CREDENTIAL_PROTOCOL.test(protocol))
    .join(', ')
}
