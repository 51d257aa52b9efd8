// Asks a sidecar what it runs, and what it makes of shares of limits. Sidecars are asked, and do not tell by themselves, because they need no right, no address and
// no certificate for the API server that way. What answers at a pod's address is the pod owner's: it is bounded, and nothing
// of it but a revision, and numbers within bounds, is believed or repeated.
import { Agent, get, type IncomingMessage } from 'node:http'
import { type LimitsReport, parseLimitsReport } from '../../contract/limit-shares.ts'
import { createSlots } from '../pace.ts'

const TIMEOUT_MS = 2_000
const ANSWER_BYTES_MAX = 1024 * 1024
const IDLE_MS = 2_000

export interface SidecarAsker {
  /** Revision in force at `HOST:PORT`, null before its first. Rejects with an Error for people when it cannot be asked. */
  ask(admin: string): Promise<string | null>
  /** What it counts that others count too. Rejects likewise. */
  askLimits(admin: string): Promise<LimitsReport>
  close(): void
}

/** `timeoutMs`: for one answer, once it is asked for. */
export function createSidecarAsker(askedAtOnceMax: number, timeoutMs = TIMEOUT_MS): SidecarAsker {
  // Kept for as long as a change is followed; between changes a connection to each pod of a cluster would be a waste.
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS })
  const inSlot = createSlots(askedAtOnceMax)
  const answer = (admin: string, path: Question['path']): Promise<string> =>
    inSlot(() => answerOf({ admin, path, agent, timeoutMs }))
  return {
    ask: async (admin) => revisionOf(admin, await answer(admin, '/status')),
    askLimits: async (admin) => limitsOf(admin, await answer(admin, '/limits')),
    close: () => agent.destroy(),
  }
}

function revisionOf(admin: string, body: string): string | null {
  const status = parsed(body)
  if (status === undefined) throw new Error(`what answers at ${admin} is no sidecar`)
  // A first document whose credentials have not arrived is not what was published.
  return status.complete === false ? null : status.revision
}

function limitsOf(admin: string, body: string): LimitsReport {
  const parsed = parseLimitsReport(body)
  if ('report' in parsed) return parsed.report
  throw new Error(`what answers at ${admin} does not say what it counts as a sidecar does`)
}

function parsed(body: string): { revision: string | null; complete: unknown } | undefined {
  try {
    const { revision, complete } = JSON.parse(body) as { revision?: unknown; complete?: unknown }
    return revision === null || typeof revision === 'string' ? { revision, complete } : undefined
  } catch {
    return undefined
  }
}

interface Question {
  admin: string
  path: '/status' | '/limits'
  agent: Agent
  timeoutMs: number
}

/** A connection that was kept may have been closed at the other end just now: that says nothing about the sidecar. */
async function answerOf(question: Question): Promise<string> {
  return (await send(question)) ?? (await send(question)) ?? Promise.reject(new Error('connections are closed at once'))
}

function send({ admin, path, agent, timeoutMs }: Question): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const request = get(`http://${admin}${path}`, { agent }, (response) => {
    read(admin, response).then(resolve, reject)
  })
  const deadline = setTimeout(() => {
    reject(new Error(`${admin} does not answer`))
    request.destroy()
  }, timeoutMs)
  request.on('close', () => clearTimeout(deadline))
  request.on('error', (error: NodeJS.ErrnoException) => {
    if (request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve(undefined)
    else reject(error)
  })
  return promise
}

async function read(admin: string, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop destroys the answer, and with it the socket.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`${admin} answers with more than a sidecar does`)
    chunks.push(chunk)
  }
  if (response.statusCode !== 200) throw new Error(`${admin} answers ${response.statusCode}`)
  return Buffer.concat(chunks).toString('utf8')
}
