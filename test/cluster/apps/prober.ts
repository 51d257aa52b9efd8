// Asks its sidecar the same question again and again, every PROBE_EVERY_MS, and notes when each model answered first: what a
// change of a route takes until it is served. `GET /` on 8080 tells it as JSON, `{model: milliseconds since the epoch}`.
import { Agent, createServer, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const everyMs = Number(process.env.PROBE_EVERY_MS ?? 20)
const agent = new Agent({ keepAlive: true })
const first: Record<string, number> = {}
let failed = 0

createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ first, failed }))
}).listen(8080)

function ask(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const headers = { 'content-type': 'application/json' }
  const path = `${new URL(process.env.OPENAI_BASE_URL ?? '').pathname}/chat/completions`
  const asking = request({ host: '127.0.0.1', port: 8787, path, method: 'POST', agent, headers }, (response) => {
    response.resume()
    response.once('error', reject)
    response.once('end', () => {
      if (response.statusCode === 200) resolve(String(response.headers['x-outrigger-model']))
      else reject(new Error(String(response.statusCode)))
    })
  })
  asking.once('error', reject)
  asking.end('{"model":"chat","messages":[{"role":"user","content":"Hi"}]}')
  return promise
}

async function probe(): Promise<void> {
  for (;;) {
    try {
      first[await ask()] ??= Date.now()
    } catch {
      failed += 1
    }
    await sleep(everyMs)
  }
}

void probe()
