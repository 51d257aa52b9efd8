// `outrigger explain`: why a request ended as it did, from the access log of the sidecar that handled it.
//
// In: lines, of which most may be something else, and a request id or none. Out: text, or the line itself as JSON, and an exit
// code. It reads until it has found the request, so that a log that is still being written can be piped into it; without an
// id it must read all, since the last one counts. It keeps one line at a time.
import { type AccessLine, isRemarkable, parseAccessLine } from './access-line.ts'
import { report } from './report.ts'

export interface ExplainRequest {
  /** Undefined: the last request that failed or needed more than one attempt. */
  requestId: string | undefined
  output: 'text' | 'json'
}

export interface Explained {
  exitCode: 0 | 1
  /** For standard output; ends with a line feed unless it is empty. */
  output: string
  /** For standard error; '' for none. */
  message: string
}

const NO_ACCESS_LOG =
  'there is no line of an access log in what was read; it is written by the sidecar, ' +
  'for instance: kubectl logs deploy/shop -c outrigger | outrigger explain'

export async function explain(lines: AsyncIterable<string>, { requestId, output }: ExplainRequest): Promise<Explained> {
  let found: AccessLine | undefined
  let seen = 0
  const times: string[] = []
  for await (const text of lines) {
    const line = parseAccessLine(text)
    if (line === undefined) continue
    seen++
    times.splice(1, 1, line.time)
    if (requestId === undefined ? !isRemarkable(line) : line.requestId !== requestId) continue
    found = line
    if (requestId !== undefined) break
  }
  if (found !== undefined) return { exitCode: 0, output: rendered(found, output), message: '' }
  if (seen === 0) return { exitCode: 1, output: '', message: NO_ACCESS_LOG }
  return missing(requestId, seen, times)
}

function missing(requestId: string | undefined, seen: number, times: readonly string[]): Explained {
  const among = `the ${seen === 1 ? 'one request that was' : `${seen} requests that were`} read (${period(times)})`
  if (requestId !== undefined) {
    return { exitCode: 1, output: '', message: `request ${requestId} is not among ${among}` }
  }
  return { exitCode: 0, output: '', message: `none of ${among} failed or needed more than one attempt` }
}

function period(times: readonly string[]): string {
  const [first = '', last = first] = times
  return first === last ? first : `${first} to ${last}`
}

function rendered(line: AccessLine, output: ExplainRequest['output']): string {
  if (output === 'text') return `${report(line)}\n`
  // What JSON leaves as it is may still steer a terminal.
  const escaped = JSON.stringify(line.whole, undefined, 2).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
  return `${escaped}\n`
}
