// All attempts of a request share its total time. A provider that gets what others left of it, and is not done by then, has not failed.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ask, askJson } from '../../support/client.ts'
import { FaultProvider } from '../../support/fault-provider.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { answerOf, CONVERSATIONS, type Conversation } from './dialects.ts'

const CHAT = CONVERSATIONS[0] as Conversation
const LONG_MS = 60_000
/** The first provider's silence is given up after most of what both have. */
const TIMEOUTS = { connectMs: LONG_MS, firstByteMs: LONG_MS, idleMs: LONG_MS, totalMs: 400 }
/** Opens with the first failure, and stays open. */
const TOUCHY = {
  consecutiveFailures: 1,
  errorPercent: 0,
  minRequests: 1,
  windowMs: LONG_MS,
  openForMs: LONG_MS,
  probes: 1,
}

let silent: FaultProvider
let sidecar: TestSidecar

beforeEach(async () => {
  const answer = answerOf(CHAT, 'whole', 'first')
  silent = await FaultProvider.start({ respond: () => ({ answer, until: 'BeforeHead', end: 'Stall' }) })
})
afterEach(async () => {
  await sidecar.stop()
  await silent.close()
})

test.each([
  ['the second one, which got the rest, is not blamed', 200, ['Open', 'Closed']],
  ['the first one, which had all of it, is', LONG_MS, ['Open']],
])('when the total time is over %s', async (_, firstByteMs, states) => {
  const common = { baseURL: `${silent.url}/v1`, circuitBreaker: TOUCHY }
  const providers = [
    provider('shop/first', 'OpenAI', [], { ...common, timeouts: { ...TIMEOUTS, firstByteMs } }),
    provider('shop/second', 'OpenAI', [], { ...common, timeouts: TIMEOUTS }),
  ]
  const rule = ruleConfig('all', { backends: [backend('shop/first', 1, 0), backend('shop/second', 1, 1)] })
  sidecar = await startTestSidecar({
    config: sidecarConfig({ providers, routes: [routeConfig('shop/all', [rule])] }),
  })
  expect(await ask(sidecar.url + CHAT.path('m', 'whole'), { body: CHAT.body('m', 'whole') })).toMatchObject({
    status: 504,
    headers: { 'x-outrigger-reason': 'provider_total_timeout' },
  })
  const report = JSON.stringify(await askJson(`${sidecar.adminUrl}/health/providers`))
  expect([...report.matchAll(/"state":"(Open|HalfOpen|Closed)"/g)].map(([, state]) => state)).toEqual(states)
})
