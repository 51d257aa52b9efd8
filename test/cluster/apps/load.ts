// Asks its sidecar at a steady rate, whatever the answers are: what an application that shares a limit with others does. `POST /?perSecond=N`
// on 8080 sets the rate, 0 at the start; `GET /` tells the outcomes as JSON. Each question says who asks, the how manieth it is, and when
// it was sent, so that a provider's record of questions is a record of what was admitted. After SIGTERM it asks on for a while, as one
// that has work to finish; then it waits until somebody has asked for the outcomes.
import { Agent, createServer, request } from 'node:http'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const TURN_MS = 100
const FINISHING_MS = 3_000
/** Within the pod's grace period, and leaves the sidecar some of it. */
const WAITING_MS = 12_000

const agent = new Agent({ keepAlive: true })
const outcomes = {
  pod: hostname(),
  /** `200`, `429 limit_reached`, `ECONNREFUSED`: how often. */
  counts: {} as Record<string, number>,
  stopped: false,
}
let perSecond = 0
let number = 0
let open = 0
const told = Promise.withResolvers<void>()

const server = createServer(({ method, url = '/' }, response) => {
  if (method === 'POST') perSecond = Number(new URL(url, 'http://load').searchParams.get('perSecond'))
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(outcomes))
  if (outcomes.stopped) told.resolve()
})

function question(): string {
  number += 1
  const content = `${outcomes.pod} ${number} ${Date.now()}`
  return JSON.stringify({ model: 'chat', messages: [{ role: 'user', content }] })
}

function ask(): void {
  open += 1
  const path = `${new URL(process.env.OPENAI_BASE_URL ?? '').pathname}/chat/completions`
  const headers = { 'content-type': 'application/json' }
  const asking = request({ host: '127.0.0.1', port: 8787, path, method: 'POST', agent, headers }, (response) => {
    response.resume().once('error', (error) => count(error))
    response.once('end', () => {
      const reason = response.headers['x-outrigger-reason']
      count(`${response.statusCode}${reason === undefined ? '' : ` ${String(reason)}`}`)
    })
  })
  asking.once('error', count)
  asking.end(question())
}

function count(outcome: string | NodeJS.ErrnoException): void {
  open -= 1
  const name = typeof outcome === 'string' ? outcome : (outcome.code ?? outcome.message)
  outcomes.counts[name] = (outcomes.counts[name] ?? 0) + 1
}

/** As many as are due since the last turn; one that comes late asks for no more than a second's. */
async function keepAsking(signal: AbortSignal): Promise<void> {
  let due = 0
  let lastMs = performance.now()
  while (!signal.aborted) {
    await sleep(TURN_MS)
    const nowMs = performance.now()
    due = Math.min(due + ((nowMs - lastMs) / 1_000) * perSecond, perSecond)
    lastMs = nowMs
    for (; due >= 1; due -= 1) ask()
  }
  while (open > 0) await sleep(TURN_MS)
}

async function run(): Promise<void> {
  const end = new AbortController()
  process.once('SIGTERM', () => setTimeout(() => end.abort(), FINISHING_MS))
  server.listen(8080)
  await keepAsking(end.signal)
  outcomes.stopped = true
  await Promise.race([told.promise, sleep(WAITING_MS)])
  server.close()
  server.closeAllConnections()
  process.stdout.write(`${JSON.stringify(outcomes)}\n`)
  process.exit()
}

void run()
