// Which of a client's headers a provider gets to see, and which are added.
//
// In: the head's raw headers. Out: one block of `name: value` lines, ready for the wire, in the client's order and
// spelling. Never in it: what belongs to one connection (RFC 9110 §7.6.1), the client's credentials and billing, what a
// browser adds, what speaks to Outrigger, and the framing and the key, which are the sender's. A list of what may pass, in
// place of what may not, was rejected: SDKs add headers with every release.
import type { HeaderConfig } from '../../contract/sidecar-config.ts'
import { Spellings } from '../http/spellings.ts'

type Fate = 'Keep' | 'Drop' | 'Connection' | 'Negotiable'

/** The headers of one provider; lives as long as its Runtime. */
export interface HeaderFilter {
  readonly fateOf: (rawName: string) => Fate
  /** Lines added to every request. */
  readonly added: string
  /** Line added when the client sent no such header; '' for none. */
  readonly negotiable: string
}

const DROPPED: readonly string[] = [
  // Of this connection only.
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  // Written anew for the provider; the body is identity-encoded by now, and the answer must be, to be metered.
  'host',
  'content-length',
  'content-encoding',
  'accept-encoding',
  // Credentials, and whose account pays.
  'authorization',
  'x-api-key',
  'api-key',
  'ocp-apim-subscription-key',
  'x-goog-api-key',
  'x-goog-user-project',
  'openai-organization',
  'openai-project',
  'anthropic-workspace-id',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'cookie',
  // A browser's.
  'origin',
  'referer',
]

const DROPPED_PREFIXES = ['proxy-', 'sec-', 'x-outrigger-']

/**
 * `configured` replace the client's headers of the same name, except the one of `negotiable`'s name, which replaces its
 * value. Names are lower case.
 */
export function createHeaderFilter(
  configured: readonly HeaderConfig[],
  negotiable: HeaderConfig | undefined,
): HeaderFilter {
  const added = configured.filter(({ name }) => name !== negotiable?.name)
  const spellings = new Spellings<Fate>({
    // The last one of a name counts.
    named: new Map<string, Fate>([
      ...dropped(DROPPED),
      ['connection', 'Connection'],
      ...dropped(added.map(({ name }) => name)),
      ...(negotiable === undefined ? [] : [[negotiable.name, 'Negotiable'] as const]),
    ]),
    prefixes: DROPPED_PREFIXES,
    prefixed: 'Drop',
    other: 'Keep',
  })

  return {
    added: `accept-encoding: identity\r\n${added.map(line).join('')}`,
    negotiable: negotiable ? line(configured.find(({ name }) => name === negotiable.name) ?? negotiable) : '',
    fateOf: (rawName) => spellings.fateOf(rawName),
  }
}

/** The header block of a request to the provider: without host, framing and key, which the sender adds. */
export function headerBlock(rawHeaders: readonly string[], filter: HeaderFilter): string {
  let block = ''
  let negotiated = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    const fate = filter.fateOf(name)
    if (fate === 'Drop') continue
    if (fate === 'Connection') {
      if (!namesNoHeader(value)) return headerBlock(withoutConnectionHeaders(rawHeaders), filter)
      continue
    }
    if (fate === 'Negotiable') negotiated = true
    block += `${name}: ${value}\r\n`
  }
  return negotiated ? block + filter.added : block + filter.added + filter.negotiable
}

function dropped(names: Iterable<string>): (readonly [string, Fate])[] {
  return Array.from(names, (name) => [name, 'Drop'] as const)
}

// What nearly every client sends: worth not scanning the headers twice.
function namesNoHeader(connection: string): boolean {
  return connection === 'keep-alive' || connection === 'close' || connection === 'Keep-Alive'
}

/** Less every `Connection` and every header that one of them names (RFC 9110 §7.6.1). */
function withoutConnectionHeaders(rawHeaders: readonly string[]): string[] {
  const named = new Set(['connection'])
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as string).toLowerCase() !== 'connection') continue
    for (const token of (rawHeaders[i + 1] as string).split(',')) named.add(token.trim().toLowerCase())
  }
  const kept: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (!named.has(name.toLowerCase())) kept.push(name, rawHeaders[i + 1] as string)
  }
  return kept
}

function line({ name, value }: HeaderConfig): string {
  return `${name}: ${value}\r\n`
}
