// `outrigger explain`: why a request ended as it did, from the access log of the sidecar that handled it.
//
// In: lines, of which most may be something else, and a request id, its first characters, or none. Out: text, or the line itself as
// JSON, and an exit code. It reads until it has found the request, so that a log that is still being written can be piped into it;
// without a whole id it must read all: the last one counts, or there may be another that begins so. It keeps one line at a time.
import { type AccessLine, isRemarkable, parseAccessLine } from './access-line.ts'
import { report } from './report.ts'

export interface ExplainRequest {
  /** Or its first characters, where no other that is read begins so. Undefined: the last request that failed or needed more than one attempt. */
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

/** Fewer could be those of many. */
const PREFIX_MIN = 4

export async function explain(lines: AsyncIterable<string>, { requestId, output }: ExplainRequest): Promise<Explained> {
  let found: AccessLine | undefined
  let seen = 0
  const times: string[] = []
  const beginningSo = new Set<string>()
  for await (const text of lines) {
    const line = parseAccessLine(text)
    if (line === undefined) continue
    seen++
    times.splice(1, 1, line.time)
    if (line.requestId === requestId) return explained(line, output)
    if (requestId === undefined) {
      if (isRemarkable(line)) found = line
    } else if (requestId.length >= PREFIX_MIN && line.requestId.startsWith(requestId)) {
      found ??= line
      beginningSo.add(line.requestId)
    }
  }
  if (seen === 0) return complained(NO_ACCESS_LOG)
  const among = `the ${seen === 1 ? 'one request that was' : `${seen} requests that were`} read (${period(times)})`
  if (requestId !== undefined && beginningSo.size > 1) {
    return complained(`${beginningSo.size} ids among ${among} begin with ${requestId}: give more of its characters`)
  }
  return found === undefined ? missing(requestId, among) : explained(found, output)
}

function missing(requestId: string | undefined, among: string): Explained {
  if (requestId === undefined) {
    return { exitCode: 0, output: '', message: `none of ${among} failed or needed more than one attempt` }
  }
  const short = requestId.length < PREFIX_MIN ? `; of a longer id, give at least ${PREFIX_MIN} characters` : ''
  return complained(`request ${requestId} is not among ${among}${short}`)
}

function explained(line: AccessLine, output: ExplainRequest['output']): Explained {
  return { exitCode: 0, output: rendered(line, output), message: '' }
}

function complained(message: string): Explained {
  return { exitCode: 1, output: '', message }
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
