// What the operator asked the API server for, by the API server's own account. In: its audit log. Out: counts by verb and resource.
import { open, stat } from 'node:fs/promises'

/** By `verb resource` or `verb resource/subresource`, and, for a refusal, its status. */
export type Requests = ReadonlyMap<string, number>

interface Event {
  stage: string
  verb: string
  requestURI: string
  objectRef?: { resource?: string; subresource?: string }
  responseStatus?: { code?: number }
}

const WRITES = /^(create|update|patch|delete)/

export interface Writing {
  /** When the last write was seen, leases aside, as performance.now() says it. */
  readonly lastMs: number
  close(): void
}

const LOOK_EVERY_MS = 500

/** Follows the log, to tell when the operator has come to rest. */
export function followWrites(file: string): Writing {
  let position = 0
  let lastMs = performance.now()
  let looking = false
  const look = async (): Promise<void> => {
    const { counts, end } = await readFrom(file, position)
    position = end
    if (total(writesOf(counts)) > 0) lastMs = performance.now()
  }
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }, LOOK_EVERY_MS)
  return {
    get lastMs() {
      return lastMs
    },
    close: () => clearInterval(timer),
  }
}

/** A place in the log. */
export async function auditPosition(file: string): Promise<number> {
  return (await stat(file)).size
}

/** What came since then. */
export async function requestsSince(file: string, position: number): Promise<Requests> {
  const { counts } = await readFrom(file, position)
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Without leases, which are renewed all the time. */
export function writesOf(requests: Requests): Requests {
  return new Map([...requests].filter(([key]) => WRITES.test(key) && !key.includes('leases')))
}

export function total(requests: Requests): number {
  return [...requests.values()].reduce((sum, count) => sum + count, 0)
}

export function described(requests: Requests): string {
  return [...requests].map(([key, count]) => `${count} ${key}`).join(', ')
}

/** A watch counts when it begins, everything else when it is answered. */
function keyOf({ stage, verb, requestURI, objectRef, responseStatus }: Event): string | undefined {
  if (stage !== (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete')) return undefined
  const { resource, subresource } = objectRef ?? {}
  const what = resource === undefined ? requestURI : [resource, ...(subresource ? [subresource] : [])].join('/')
  const { code = 0 } = responseStatus ?? {}
  return `${verb} ${what}${code >= 400 ? ` ${code}` : ''}`
}

async function readFrom(file: string, position: number): Promise<{ counts: Requests; end: number }> {
  const text = await textFrom(file, position)
  const counts = new Map<string, number>()
  for (const line of text.split('\n')) {
    const key = line === '' ? undefined : keyOf(JSON.parse(line) as Event)
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return { counts, end: position + Buffer.byteLength(text) }
}

async function textFrom(file: string, position: number): Promise<string> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - position), 0, size - position, position)
    const text = buffer.toString('utf8', 0, bytesRead)
    // A line may be half written.
    return text.slice(0, text.lastIndexOf('\n') + 1)
  } finally {
    await handle.close()
  }
}
