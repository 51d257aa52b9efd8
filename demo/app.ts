// The demo application: asks a model once a second with the official SDK, prints a line per answer, and serves its counts as
// JSON on port 8080. Of its environment the SDK reads OPENAI_BASE_URL, which Outrigger's injection sets; there is no key.
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import OpenAI from 'openai'
import { ask, newCounts } from './asking.ts'

const PORT = 8080
const PAUSE_MS = 1000

const client = new OpenAI({ apiKey: 'the-sidecar-holds-the-key', timeout: 10_000 })
if (client.baseURL.startsWith('https://api.openai.com')) {
  print(
    'OPENAI_BASE_URL is not set: this pod was not injected. Is its namespace served, and the label outrigger.dev/inject set?',
  )
  process.exit(1)
}

const counts = newCounts()
const stopped = new AbortController()
process.once('SIGTERM', () => stopped.abort())
process.once('SIGINT', () => stopped.abort())

const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(counts)}\n`)
})
server.listen(PORT)
askUntilStopped().finally(() => {
  server.close()
  server.closeAllConnections()
})

async function askUntilStopped(): Promise<void> {
  while (!stopped.signal.aborted) {
    print(await ask(client, counts, () => performance.now()))
    // Rejects when the signal comes, which the loop's condition then sees.
    await setTimeout(PAUSE_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
