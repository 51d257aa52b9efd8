// What can be asked of the mock: the one place where it is told apart, and its documentation.
//
// A behaviour is asked for, strongest first, by
//   - the header `x-mock-<name>: <value>`,
//   - the model `mock-<name>-<value>`, several joined by `+`: `mock-words-50+chunk-delay-20`,
//   - a credential that ends in `mock-<name>-<value>`: `sk-mock-status-429`,
//   - `mock.next(...)`, for one request, and the option `always`, for every request.
// The last four are how tests give two providers, or two keys of one provider, different behaviours for one request.
// An unknown header name or a value that does not parse is answered with 400, so that a typo never tests nothing.
//
// | name             | value          | what happens                                                                     |
// | ---------------- | -------------- | -------------------------------------------------------------------------------- |
// | status           | 200–599        | that status, with the dialect's error body                                       |
// | error-code       | word           | the code of that error: `insufficient_quota`                                     |
// | retry-after      | text           | the header `retry-after`, as it is, on any answer                                |
// | head-delay       | ms             | waits before the status line                                                     |
// | chunk-delay      | ms             | waits between the events of a stream                                             |
// | stall            | n or nothing   | never answers; with n: stops for good after n events                             |
// | cut-after-events | n              | ends the body after n events (a unary body is one event)                         |
// | cut-after-bytes  | n              | ends the body after n bytes, as encoded                                          |
// | cut              | reset          | how: the socket is closed without the body's end (default); all bytes arrive     |
// |                  | rst            | … with a TCP RST, which may overtake bytes that the client has not read yet      |
// |                  | clean          | … or the body ends properly, only too early                                      |
// | chunk-size       | n              | writes the body in pieces of n bytes, each its own write                         |
// | error-in-stream  | first, after-n | the dialect's error event as the first event or after n; nothing follows it      |
// | words            | n              | an answer of n words instead of the echo                                         |
// | tools            | or `parallel`  | calls the first tool of the request; `parallel`: two calls                       |
// | cached           | n or nothing   | n (or half) of the prompt's tokens are reported as read from the cache           |
// | cache-write      | n              | n of the others as written to it, where the provider tells so: not Gemini         |
// | reasoning        | n              | n tokens of reasoning, none of it in words, are reported as output besides       |
// | echo-key         |                | 401 (or `status`) that repeats the credential in its body and in `x-mock-key`    |
// | gzip             |                | content-encoding: gzip, asked for or not                                         |
// | no-length        |                | no length and no chunks: the body ends with the connection                       |
// | close            |                | connection: close                                                                |
// | early-hints      |                | a 103 before the answer                                                          |
// | trailers         |                | a trailer field after the body                                                   |
import type { IncomingHttpHeaders } from 'node:http'
import { ProviderError } from './errors.ts'

export interface Behaviour {
  readonly status: number | undefined
  readonly errorCode: string | undefined
  readonly retryAfter: string | undefined
  readonly headDelayMs: number
  readonly chunkDelayMs: number
  /** `'head'`: not even the status line is sent. */
  readonly stallAfterEvents: number | 'head' | undefined
  readonly cutAfterEvents: number | undefined
  readonly cutAfterBytes: number | undefined
  readonly cut: Cut
  readonly chunkBytes: number | undefined
  /** The events that go out before the error. */
  readonly errorAfterEvents: number | undefined
  readonly words: number | undefined
  readonly toolCalls: number
  readonly cachedTokens: number | 'half'
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  readonly echoKey: boolean
  readonly gzip: boolean
  readonly noLength: boolean
  readonly close: boolean
  readonly earlyHints: boolean
  readonly trailers: boolean
}

export type Cut = 'reset' | 'rst' | 'clean'

/** Behaviours by name, as asked: `{ status: '429', 'retry-after': '3' }`. */
export type Asked = Readonly<Partial<Record<BehaviourName, string>>>

const NAMES = [
  'status',
  'error-code',
  'retry-after',
  'head-delay',
  'chunk-delay',
  'stall',
  'cut-after-events',
  'cut-after-bytes',
  'cut',
  'chunk-size',
  'error-in-stream',
  'words',
  'tools',
  'cached',
  'cache-write',
  'reasoning',
  'echo-key',
  'gzip',
  'no-length',
  'close',
  'early-hints',
  'trailers',
] as const

export type BehaviourName = (typeof NAMES)[number]

const HEADER_PREFIX = 'x-mock-'

/** Throws ProviderError (400) for an unknown name. */
export function askedByHeaders(headers: IncomingHttpHeaders): Asked {
  const asked: Partial<Record<BehaviourName, string>> = {}
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(HEADER_PREFIX)) continue
    const name = NAMES.find((known) => known === header.slice(HEADER_PREFIX.length))
    if (!name) throw new ProviderError(400, `The mock knows no behaviour ${header}.`)
    asked[name] = String(value)
  }
  return asked
}

/** Behaviours in a model or in a credential. Any other word after `mock-` is just a name: `mock-gpt` is a fine model. */
export function askedByName(text: string): Asked {
  const specs = /(?:^|-)mock-(.+)$/.exec(text)?.[1]?.split('+') ?? []
  return Object.fromEntries(specs.flatMap(parseSpec))
}

function parseSpec(spec: string): [BehaviourName, string][] {
  const matching = NAMES.filter((name) => spec === name || spec.startsWith(`${name}-`))
  // `cut-after-events-3` also begins with `cut-`.
  const name = matching.toSorted((a, b) => b.length - a.length)[0]
  return name ? [[name, spec.slice(name.length + 1)]] : []
}

/** Throws ProviderError (400) for a value that does not parse. */
export function behaviourOf(asked: Asked): Behaviour {
  return {
    status: statusOf(asked),
    errorCode: asked['error-code'],
    retryAfter: asked['retry-after'],
    headDelayMs: countOf(asked, 'head-delay') ?? 0,
    chunkDelayMs: countOf(asked, 'chunk-delay') ?? 0,
    stallAfterEvents: asked.stall === '' || asked.stall === 'head' ? 'head' : countOf(asked, 'stall'),
    cutAfterEvents: countOf(asked, 'cut-after-events'),
    cutAfterBytes: countOf(asked, 'cut-after-bytes'),
    cut: cutOf(asked),
    chunkBytes: chunkBytesOf(asked),
    errorAfterEvents: errorAfterEventsOf(asked),
    words: countOf(asked, 'words'),
    toolCalls: asked.tools === undefined ? 0 : asked.tools === 'parallel' ? 2 : 1,
    cachedTokens: asked.cached === '' ? 'half' : (countOf(asked, 'cached') ?? 0),
    cacheWriteTokens: countOf(asked, 'cache-write') ?? 0,
    reasoningTokens: countOf(asked, 'reasoning') ?? 0,
    echoKey: asked['echo-key'] !== undefined,
    gzip: asked.gzip !== undefined,
    noLength: asked['no-length'] !== undefined,
    close: asked.close !== undefined,
    earlyHints: asked['early-hints'] !== undefined,
    trailers: asked.trailers !== undefined,
  }
}

/** The plain answer, nothing asked. */
export const NO_BEHAVIOUR: Behaviour = behaviourOf({})

function countOf(asked: Asked, name: BehaviourName): number | undefined {
  const value = asked[name]
  if (value === undefined) return undefined
  if (!/^\d{1,9}$/.test(value)) throw wrongValue(name, value, 'a whole number')
  return Number(value)
}

function statusOf(asked: Asked): number | undefined {
  const status = countOf(asked, 'status')
  if (status === undefined || (status >= 200 && status <= 599)) return status
  throw wrongValue('status', String(status), '200 to 599')
}

function chunkBytesOf(asked: Asked): number | undefined {
  const bytes = countOf(asked, 'chunk-size')
  if (bytes === 0) throw wrongValue('chunk-size', '0', '1 or more')
  return bytes
}

function cutOf({ cut = 'reset' }: Asked): Cut {
  if (cut === 'reset' || cut === 'rst' || cut === 'clean') return cut
  throw wrongValue('cut', cut, 'reset, rst or clean')
}

function errorAfterEventsOf(asked: Asked): number | undefined {
  const value = asked['error-in-stream']
  if (value === undefined) return undefined
  if (value === 'first') return 0
  const after = /^after-(\d{1,9})$/.exec(value)?.[1]
  if (after === undefined) throw wrongValue('error-in-stream', value, 'first or after-<n>')
  return Number(after)
}

function wrongValue(name: BehaviourName, value: string, expected: string): ProviderError {
  return new ProviderError(400, `The mock's ${name} must be ${expected}, not ${JSON.stringify(value)}.`)
}
