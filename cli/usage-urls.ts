// Asks sidecars at their admin servers' own addresses. Not with fetch(), which says no more of what went wrong than that it failed.
import http from 'node:http'
import https from 'node:https'
import { USAGE_PATH } from '../contract/usage-report.ts'
import { type Answer, parseUsageReport } from './usage/read-report.ts'

const TIMEOUT_MS = 10_000
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
const NO_SIDECAR = 'what answers there is no sidecar'

/** `urls`: http or https, of admin servers. */
export function askUrls(urls: readonly string[]): Promise<Answer[]> {
  return Promise.all(urls.map(askUrl))
}

async function askUrl(source: string): Promise<Answer> {
  const url = new URL(source)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${USAGE_PATH}`
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const report = parseUsageReport(JSON.parse(await textAt(url, signal)))
    return report === undefined ? { source, why: NO_SIDECAR } : { source, report }
  } catch (error) {
    return { source, why: signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : reasonOf(error) }
  }
}

async function textAt(url: URL, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const request = (url.protocol === 'https:' ? https : http).get(url, { agent: false, signal }, resolve)
  // Also after the answer has begun: reading it fails then, too.
  request.on('error', reject)
  const answer = await promise
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop destroys the answer, and with it the socket.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error('it answers with more than a sidecar does')
    chunks.push(chunk)
  }
  if (answer.statusCode !== 200) throw new Error(`it answers ${answer.statusCode}`)
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return NO_SIDECAR
  const { message, code } = error as NodeJS.ErrnoException
  // Where a name has several addresses there is one error for all of them, without a message.
  return message || (code ?? 'it cannot be reached')
}
