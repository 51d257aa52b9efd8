// What a request's head must satisfy before anything else looks at it. Pure.
//
// A page in a laptop's browser can send requests to 127.0.0.1 (and, with DNS rebinding, read the answers), so it could
// spend the keys that this process holds: only loopback names, or names that were configured, are served, and a request
// that carries a browser's Origin must come from one that was allowed.
import { Refusal } from '../errors.ts'
import type { RequestHead } from '../request/head.ts'

export interface GateOptions {
  /** Host names besides loopback ones, without port, lower case; `*` allows every host. */
  allowedHosts: readonly string[]
  /** Values of Origin, e.g. `http://localhost:3000`; `*` allows every origin. */
  allowedOrigins: readonly string[]
}

const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i
const LOOPBACK_V4 = /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/

/** Throws a Refusal. Header syntax was checked by the parser; this checks meaning. */
export function gate(head: RequestHead, options: GateOptions): void {
  let host: string | undefined
  const raw = head.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (host !== undefined) throw new Refusal('malformed_request', 'There are two Host headers.')
      host = raw[i + 1] as string
    } else if (name.length === 6 && name.toLowerCase() === 'origin') {
      checkOrigin(raw[i + 1] as string, options)
    }
  }
  checkHost(host, options)
}

function checkOrigin(origin: string, options: GateOptions): void {
  if (options.allowedOrigins.includes(origin) || options.allowedOrigins.includes('*')) return
  throw new Refusal('origin_not_allowed', 'Name the origin in --allow-origin to allow it.')
}

function checkHost(host: string | undefined, options: GateOptions): void {
  // The spellings that SDKs send need no pattern.
  if (host === undefined || host.startsWith('127.0.0.1:') || options.allowedHosts.includes('*')) return
  const match = HOST.exec(host)
  if (match === null) throw new Refusal('malformed_request', 'The Host header is malformed.')
  const name = (match[1] ?? match[2] ?? '').toLowerCase()
  const loopback = name === 'localhost' || name.endsWith('.localhost') || name === '::1' || LOOPBACK_V4.test(name)
  if (loopback || options.allowedHosts.includes(name)) return
  throw new Refusal('host_not_allowed', 'Name the host in --allow-host to allow it.')
}
