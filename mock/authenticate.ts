// Who is asking and with which key: the providers' own headers, old and new generations of their SDKs.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dialect } from './call.ts'
import { ProviderError } from './errors.ts'

/** Where paths collide (`/v1/models`, `/v1/files`), the headers tell. */
export function dialectOf(headers: IncomingHttpHeaders, path: string): Dialect {
  if (path.startsWith('/openai/')) return 'azure'
  if (headers['anthropic-version'] !== undefined || path.startsWith('/v1/messages')) return 'anthropic'
  const google = headers['x-goog-api-key'] ?? headers['x-goog-api-client']
  return google !== undefined || path.startsWith('/v1beta/') ? 'gemini' : 'openai'
}

const KEY_HEADERS: Readonly<Record<Dialect, readonly string[]>> = {
  openai: [],
  azure: ['api-key'],
  anthropic: ['x-api-key'],
  gemini: ['x-goog-api-key'],
}

/** Browsers cannot set headers on a WebSocket: OpenAI takes the key as a subprotocol of this form. */
const SUBPROTOCOL_KEY = /(?:^|,\s*)openai-insecure-api-key\.([^,\s]+)/

/** The credential as it was sent, without `Bearer`. Empty when there is none. */
export function credentialOf(dialect: Dialect, headers: IncomingHttpHeaders, url: URL): string {
  for (const name of KEY_HEADERS[dialect]) {
    const value = headers[name]
    if (typeof value === 'string' && value !== '') return value
  }
  const inQuery = dialect === 'gemini' ? url.searchParams.get('key') : null
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1]
  const inProtocol = SUBPROTOCOL_KEY.exec(headers['sec-websocket-protocol'] ?? '')?.[1]
  return inQuery ?? bearer ?? inProtocol ?? ''
}

const MISSING: Readonly<Record<Dialect, ProviderError['message']>> = {
  openai: "You didn't provide an API key. Use the header Authorization: Bearer YOUR_KEY.",
  azure: 'Access denied due to missing subscription key.',
  anthropic: 'x-api-key header is required',
  gemini: "Method doesn't allow unregistered callers. Please use an API key.",
}

/** Throws ProviderError. `keys` undefined: every credential that does not begin with `invalid` is good. */
export function authenticate(dialect: Dialect, credential: string, keys: readonly string[] | undefined): void {
  if (credential === '') throw new ProviderError(dialect === 'gemini' ? 403 : 401, MISSING[dialect])
  const good = keys ? keys.includes(credential) : !credential.startsWith('invalid')
  if (!good) throw invalidKey(dialect)
}

function invalidKey(dialect: Dialect): ProviderError {
  if (dialect === 'gemini') {
    return new ProviderError(400, 'API key not valid. Please pass a valid API key.', { code: 'API_KEY_INVALID' })
  }
  return new ProviderError(401, dialect === 'anthropic' ? 'invalid x-api-key' : 'Incorrect API key provided.')
}
