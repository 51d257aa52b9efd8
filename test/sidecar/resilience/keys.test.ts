// A provider with many keys and a bounded number of attempts: trying one key after the other must not use up what another provider
// could have answered.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ask } from '../../support/client.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { answerOf, CONVERSATIONS, type Conversation, JSON_TYPE } from './dialects.ts'
import { adviceWords, replyWords } from './reply-words.ts'

const CHAT = CONVERSATIONS[0] as Conversation
const KEYS = ['a', 'b', 'c', 'd']

let first: FaultProvider
let second: FaultProvider
let sidecar: TestSidecar

beforeAll(async () => {
  first = await FaultProvider.start({ respond: () => ({ answer: answerOf(CHAT, 'whole', 'first') }) })
  second = await FaultProvider.start({ respond: () => ({ answer: answerOf(CHAT, 'whole', 'second') }) })
})
afterAll(async () => {
  await first.close()
  await second.close()
})

async function outcome(status: number): Promise<string> {
  const body = CHAT.errorBody('the_word', status)
  first.respond = () => ({ answer: { status, headers: JSON_TYPE, body, framing: 'Length' } })
  first.clear()
  second.clear()
  const credentials = KEYS.map((name) => ({ name, file: name, weight: 1 }))
  const providers = [
    provider('shop/first', 'OpenAI', [], { baseURL: `${first.url}/v1`, credentials }),
    provider('shop/second', 'OpenAI', [], { baseURL: `${second.url}/v1` }),
  ]
  const rule = ruleConfig('all', {
    backends: [backend('shop/first', 1, 0), backend('shop/second', 1, 1)],
    retry: RETRY,
  })
  const config = sidecarConfig({ providers, routes: [routeConfig('shop/all', [rule])] })
  sidecar = await startTestSidecar({
    config,
    keys: Object.fromEntries(KEYS.map((key) => [key, `sk-${key}-${status}`])),
  })
  const reply = await ask(sidecar.url + CHAT.path('m', 'whole'), { body: CHAT.body('m', 'whole') })
  await sidecar.stop()
  const told = { conversation: CHAT, form: 'whole', providers: ['first', 'second'], word: 'the_word' } as const
  return `${replyWords(reply, told)} (${adviceWords(reply)}) asked ${first.requests.length}+${second.requests.length}`
}

test.each([401, 402, 403, 429])(
  'each of the first one’s keys gets %d: the second one answers within the bound',
  async (status) => {
    expect(await outcome(status)).toMatch(/^200 answer of second \(attempts [23]\) asked [12]\+1$/)
  },
)

test('a 429 that says to wait for no time at all is followed by a retry like any other, within the budget', async () => {
  const headers = { ...JSON_TYPE, 'retry-after': '0' }
  const body = CHAT.errorBody('the_word', 429)
  first.respond = () => ({ answer: { status: 429, headers, body, framing: 'Length' } })
  first.clear()
  const one = provider('shop/first', 'OpenAI', [], {
    baseURL: `${first.url}/v1`,
    credentials: [{ name: 'a', file: 'a', weight: 1 }],
    retryBudget: { percent: 0, minPerSecond: 0 },
  })
  const rule = ruleConfig('all', { backends: [backend('shop/first')], retry: RETRY })
  const config = sidecarConfig({ providers: [one], routes: [routeConfig('shop/all', [rule])] })
  sidecar = await startTestSidecar({ config, keys: { a: 'sk-a' } })
  const { status } = await ask(sidecar.url + CHAT.path('m', 'whole'), { body: CHAT.body('m', 'whole') })
  await sidecar.stop()
  expect([status, first.requests.length]).toEqual([429, 1])
})
