// Connections that the provider closes between two requests, in every way and at the worst moment: the next request is answered, by the
// same provider, and the client notices nothing.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ask } from '../../support/client.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import type { Afterwards } from '../../support/fault-provider-fault.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { answerOf, CONVERSATIONS, type Conversation } from './dialects.ts'
import { inParallel } from './in-parallel.ts'
import { adviceWords, replyWords } from './reply-words.ts'

const CLOSES: readonly Afterwards[] = ['Fin', 'Rst', 'FinAtNextRequest', 'RstAtNextRequest']
const PATIENCE_MS = 60_000
const CHAT = CONVERSATIONS[0] as Conversation

let first: FaultProvider
let sidecar: TestSidecar

beforeAll(async () => {
  first = await FaultProvider.start({ respond: () => ({ answer: answerOf(CHAT, 'whole', 'first') }) })
  const one = provider('shop/first', 'OpenAI', [], { baseURL: `${first.url}/v1` })
  const rule = ruleConfig('all', { backends: [backend('shop/first')] })
  sidecar = await startTestSidecar({
    config: sidecarConfig({ providers: [one], routes: [routeConfig('shop/all', [rule])] }),
  })
})
afterAll(async () => {
  await sidecar.stop()
  await first.close()
})

async function answered(): Promise<string> {
  const reply = await ask(sidecar.url + CHAT.path('m', 'whole'), { body: CHAT.body('m', 'whole') })
  const told = { conversation: CHAT, form: 'whole', providers: ['first'], word: 'the_word' } as const
  return `${replyWords(reply, told)} (${adviceWords(reply)})`
}

const FINE = '200 answer of first (attempts 1)'

test.each(CLOSES)('one after another, where each answer is followed by %s', async (afterwards) => {
  first.respond = () => ({ answer: answerOf(CHAT, 'whole', 'first'), afterwards })
  for (let i = 0; i < 10; i++) expect(await answered()).toBe(FINE)
})

test.each(CLOSES)(
  'many at a time, where each answer is followed by %s',
  async (afterwards) => {
    first.respond = () => ({ answer: answerOf(CHAT, 'whole', 'first'), afterwards })
    const replies = await inParallel(Array.from({ length: 200 }), 20, answered)
    expect(replies.filter((reply) => reply !== FINE)).toEqual([])
  },
  PATIENCE_MS,
)
