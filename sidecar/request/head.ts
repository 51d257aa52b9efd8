// The head of a request as it came, before anything is decided: shared by the listener, decode and route.

export interface RequestHead {
  method: string
  /** Path and query as sent, e.g. `/v1/chat/completions?x=1`. Always begins with `/`. */
  target: string
  /** Name, value, name, value, … as sent: order, spelling and duplicates kept. */
  rawHeaders: readonly string[]
}

/** The values of one header joined by ", " (RFC 9110 §5.3), or undefined. `name` is lower case. */
export function header(head: RequestHead, name: string): string | undefined {
  let found: string | undefined
  const raw = head.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const candidate = raw[i] as string
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue
    found = found === undefined ? (raw[i + 1] as string) : `${found}, ${raw[i + 1]}`
  }
  return found
}
