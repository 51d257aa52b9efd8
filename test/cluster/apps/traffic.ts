// An application as tests need one: several callers that ask without a pause through the official OpenAI SDK as it comes, or with
// `--anthropic` through Anthropic's, every other time for a stream, and count. Nothing in it knows Outrigger. `GET /` on 8080 tells
// the counts as JSON; on SIGTERM it ends what it has begun, prints the counts a last time, and exits, as a well-behaved application does.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

const QUESTION = 'How far is it to the moon?'
const CALLERS = 4
const PAUSE_MS = 20
const ERRORS_MAX = 20
const once = process.argv.includes('--once')

const ask = process.argv.includes('--anthropic') ? anthropicAsker() : openAiAsker()
const counts = {
  answered: 0,
  failed: 0,
  /** Of the last errors. */
  errors: [] as string[],
  /** Answers by `x-outrigger-provider`. */
  providers: {} as Record<string, number>,
  /** Answers by `x-outrigger-model`. */
  models: {} as Record<string, number>,
  stopped: false,
}

const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(counts))
})

/** The head of an answer that came whole. */
type Ask = (stream: boolean) => Promise<Response>

function openAiAsker(): Ask {
  const { completions } = new OpenAI().chat
  const question = { model: 'chat', messages: [{ role: 'user' as const, content: QUESTION }] }
  return async (stream) => {
    if (!stream) {
      const { data, response } = await completions.create(question).withResponse()
      return whole(response, data.choices[0]?.message.content, 'whole')
    }
    const { data, response } = await completions.create({ ...question, stream: true }).withResponse()
    let text = ''
    let reason: string | null = null
    for await (const { choices } of data) {
      text += choices[0]?.delta.content ?? ''
      reason = choices[0]?.finish_reason ?? reason
    }
    return whole(response, text, reason)
  }
}

function anthropicAsker(): Ask {
  const { messages } = new Anthropic()
  const question = { model: 'chat', max_tokens: 100, messages: [{ role: 'user' as const, content: QUESTION }] }
  return async (stream) => {
    if (!stream) {
      const { data, response } = await messages.create(question).withResponse()
      return whole(response, data.content.map((block) => (block.type === 'text' ? block.text : '')).join(''), 'whole')
    }
    const { data, response } = await messages.create({ ...question, stream: true }).withResponse()
    let text = ''
    let reason: string | null = null
    for await (const event of data) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
      if (event.type === 'message_delta') reason = event.delta.stop_reason
    }
    return whole(response, text, reason)
  }
}

/** Throws for an answer without content, and for a stream without an end, whose `reason` is null. */
function whole(response: Response, text: string | null | undefined, reason: string | null): Response {
  if (text && reason !== null) return response
  throw new Error(reason === null ? 'a stream without an end' : 'an answer without content')
}

async function call(stream: boolean): Promise<void> {
  try {
    const { headers } = await ask(stream)
    counts.answered += 1
    for (const name of ['provider', 'model'] as const) {
      const value = headers.get(`x-outrigger-${name}`) ?? 'none'
      counts[`${name}s`][value] = (counts[`${name}s`][value] ?? 0) + 1
    }
  } catch (error) {
    counts.failed += 1
    counts.errors = [...counts.errors, `${new Date().toISOString()} ${error}`].slice(-ERRORS_MAX)
  }
}

async function keepAsking(): Promise<void> {
  for (let number = 0; !counts.stopped; number++) {
    await call(number % 2 === 1)
    await sleep(PAUSE_MS)
  }
}

/** The configuration may come a moment after the first pod of a namespace. */
async function askUntilAnswered(): Promise<void> {
  while (counts.answered === 0 && counts.failed < 100) {
    await call(false)
    await sleep(PAUSE_MS)
  }
}

process.once('SIGTERM', () => {
  counts.stopped = true
})
async function run(): Promise<void> {
  if (once) await askUntilAnswered()
  else {
    server.listen(8080)
    await Promise.all(Array.from({ length: CALLERS }, keepAsking))
    server.close()
    server.closeAllConnections()
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`)
  process.exitCode = counts.answered > 0 ? 0 : 1
}

void run()
