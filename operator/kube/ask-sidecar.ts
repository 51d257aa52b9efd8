// Asks a sidecar what it runs. Sidecars are asked, and do not tell by themselves, because they need no right, no address and
// no certificate for the API server that way.
import { Agent, get } from 'node:http'
import { createSlots } from '../pace.ts'

const TIMEOUT_MS = 2_000
const ANSWER_BYTES_MAX = 1024 * 1024

export interface SidecarAsker {
  /** Revision in force at `HOST:PORT`, null before its first. Rejects with an Error for people when it cannot be asked. */
  ask(admin: string): Promise<string | null>
  close(): void
}

export function createSidecarAsker(askedAtOnceMax: number): SidecarAsker {
  const agent = new Agent({ keepAlive: true, timeout: 5_000 })
  const inSlot = createSlots(askedAtOnceMax)
  return {
    async ask(admin) {
      const body = await inSlot(() => bodyOf(`http://${admin}/status`, agent))
      const { revision = null, complete } = JSON.parse(body) as { revision?: string | null; complete?: boolean }
      // A first document whose credentials have not arrived is not what was published.
      return complete === false ? null : revision
    },
    close: () => agent.destroy(),
  }
}

function bodyOf(url: string, agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const request = get(url, { agent, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error(`${url} answers with more than it should`))
      else chunks.push(chunk)
    })
    response.on('error', reject)
    response.on('end', () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'))
      else reject(new Error(`${url} answers ${response.statusCode}`))
    })
  })
  request.on('error', (error: NodeJS.ErrnoException) => {
    reject(
      new Error(
        error.name === 'TimeoutError' || error.name === 'AbortError' ? `${url} does not answer` : error.message,
      ),
    )
  })
  return promise
}
