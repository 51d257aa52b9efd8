// Which of a provider's headers the client gets to see: all but what belongs to one connection (RFC 9110 §7.6.1), the
// framing, which the listener writes anew, and names that only Outrigger may set. Order and spelling stay.

import {
  HEADER_ATTEMPTS,
  HEADER_BUDGET,
  HEADER_MODEL,
  HEADER_PROVIDER,
  HEADER_REQUEST_ID,
} from '../../contract/names.ts'
import { Spellings } from '../http/spellings.ts'

const DROPPED: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  // Cookies are for the host that set them; the client talks to another one.
  'set-cookie',
  // Advertises the provider's other addresses, which would lead around this sidecar.
  'alt-svc',
]

export class ResponseHeaderFilter {
  readonly #fates = new Spellings<'Keep' | 'Drop'>({
    named: new Map(Array.from(DROPPED, (name) => [name, 'Drop'] as const)),
    prefixes: ['x-outrigger-'],
    prefixed: 'Drop',
    other: 'Keep',
  })

  /** A new flat list of name, value, … */
  pass(rawHeaders: readonly string[]): string[] {
    const kept: string[] = []
    let named: Set<string> | undefined
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string
      if (this.#fates.fateOf(name) === 'Keep') kept.push(name, rawHeaders[i + 1] as string)
      else if (name.length === 10) named = addConnectionOptions(named, name, rawHeaders[i + 1] as string)
    }
    return named === undefined ? kept : without(kept, named)
  }
}

/** What the client gets to see of an answer, but for what the key's scrubber masks. */
export function answerHeaders(filter: ResponseHeaderFilter, rawHeaders: readonly string[], answer: Answer): string[] {
  const headers = filter.pass(rawHeaders)
  headers.push(HEADER_REQUEST_ID, answer.requestId)
  addWhoAnswered(headers, answer)
  if (answer.warnings.length > 0) headers.push(HEADER_BUDGET, answer.warnings.join(', '))
  return headers
}

interface Answer {
  requestId: string
  provider: string
  model: string
  attempts: number
  /** Of budgets. */
  warnings: readonly string[]
}

/** As far as configuration names it: a model name that only the client knows is not put into a header. */
export function addWhoAnswered(
  headers: string[],
  { provider, model, attempts }: Pick<Answer, 'provider' | 'model' | 'attempts'>,
): void {
  headers.push(HEADER_PROVIDER, provider, HEADER_ATTEMPTS, String(attempts))
  if (model !== '') headers.push(HEADER_MODEL, model)
}

function addConnectionOptions(named: Set<string> | undefined, name: string, value: string): Set<string> | undefined {
  if (name.toLowerCase() !== 'connection' || value === 'keep-alive' || value === 'close') return named
  const options = named ?? new Set<string>()
  for (const option of value.split(',')) options.add(option.trim().toLowerCase())
  return options
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has((headers[i] as string).toLowerCase())) kept.push(headers[i] as string, headers[i + 1] as string)
  }
  return kept
}
