// What becomes of a request over all of its attempts, where that is no matter of one of them alone.
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { type FailureCode, Refusal } from '../../../sidecar/errors.ts'
import { provider } from '../../support/sidecar-config.ts'
import { CHAT_EVENT, JSON_TYPE, KEY, MASK, Relayed, SSE_TYPE } from './client-for-tests.ts'

const ANSWER = Buffer.from('{"choices":[]}')

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] })
})
afterEach(() => {
  jest.useRealTimers()
})

/** The attempt after this one was sent. */
async function nextAttempt(relayed: Relayed): Promise<void> {
  const { length } = relayed.sinks
  while (relayed.sinks.length === length) await setImmediate()
}

function fail(relayed: Relayed, text: string): void {
  relayed.sink.onHead(500, [...JSON_TYPE], undefined)
  relayed.body(Buffer.from(text))
  relayed.sink.onEnd()
}

test('a failure that is kept for the client counts as kept until it is passed on', async () => {
  const relayed = new Relayed({ attempts: 2, others: [provider('shop/second', 'OpenAI')] })
  fail(relayed, '{"error":"one"}')
  expect(relayed.answers.bytes).toBe('{"error":"one"}'.length)
  await nextAttempt(relayed)
  expect(relayed.answers.bytes).toBe('{"error":"one"}'.length)
  fail(relayed, '{"error":"the other one"}')
  expect(await relayed.outcome).toBe('relayed')
  expect([relayed.answers.bytes, relayed.client.body.toString()]).toEqual([0, '{"error":"the other one"}'])
})

test.each([
  ['a better answer takes its place', 'relayed', (relayed: Relayed) => relayed.answer(200, [...JSON_TYPE], [ANSWER])],
  ['the client leaves', 'client_closed', (relayed: Relayed) => relayed.client.watching?.onGone()],
])('and no longer when %s', async (_, outcome, act) => {
  const relayed = new Relayed({ attempts: 2, others: [provider('shop/second', 'OpenAI')] })
  fail(relayed, '{"error":"one"}')
  await nextAttempt(relayed)
  await act(relayed)
  expect([await relayed.outcome, relayed.answers.bytes]).toEqual([outcome, 0])
})

// How fast a provider is.

const gone = (relayed: Relayed) => relayed.client.watching?.onGone()
const fails =
  (code: FailureCode) =>
  ({ sink }: Relayed): void =>
    sink.onError(new Refusal(code))
const behindTheHead =
  (then: (relayed: Relayed) => void) =>
  (relayed: Relayed): void => {
    relayed.sink.onHead(200, [...SSE_TYPE], undefined)
    then(relayed)
  }

test.each([
  ['whose client would not wait', gone, 900],
  ['whose client would not wait for its tokens', behindTheHead(gone), 900],
  ['that did not begin in time', fails('provider_first_byte_timeout'), 900],
  ['that fell silent before content', behindTheHead(fails('provider_idle_timeout')), 900],
  ['that took all the time there was', fails('provider_total_timeout'), 900],
  ['that could not be reached', fails('provider_unreachable'), 0],
  ['that hung up', fails('provider_disconnected'), 0],
  ['that cut its answer', behindTheHead(fails('provider_truncated')), 0],
  ['that answered with an error', (relayed: Relayed) => fail(relayed, ''), 0],
])('of a provider %s the time to the first byte is known as far as it was waited for', async (_, act, expected) => {
  const relayed = new Relayed({ stream: true })
  relayed.nowMs += 900
  act(relayed)
  await relayed.outcome
  expect(relayed.timeToFirstByteMs()).toBe(expected)
})

// Behind comments.

const ERROR_EVENT = /\n\ndata: (\{"error":.*\})\n\n$/

/** Of the error at the end of the stream. */
function messageIn(relayed: Relayed): string {
  return JSON.parse(ERROR_EVENT.exec(relayed.client.body.toString())?.[1] ?? '{}').error?.message
}

test.each([
  ['what it is', 'The model `x` does not exist.', 'The model `x` does not exist.'],
  ['less the key', `Not with ${KEY}.`, `Not with ${MASK}.`],
  ['cut where it is long', `${'x'.repeat(490)}${KEY}`, `${'x'.repeat(490)}${'*'.repeat(10)}`],
])("behind comments the provider's own message says in the stream %s", async (_, message, expected) => {
  const relayed = new Relayed({ stream: true })
  relayed.comment()
  const body = JSON.stringify({ error: { message, code: 'model_not_found' } })
  expect(await relayed.answer(404, [...JSON_TYPE], [Buffer.from(body)])).toBe('relayed')
  expect(messageIn(relayed)).toBe(`The provider answered with an error. It said: 404 model_not_found. ${expected}`)
  expect([relayed.client.ending, relayed.record.status]).toEqual(['whole', 200])
})

test('behind comments a refusal of our key is told without its message', async () => {
  const relayed = new Relayed({ stream: true })
  relayed.comment()
  await relayed.answer(401, [...JSON_TYPE], [Buffer.from('{"error":{"message":"the secret","code":"bad_key"}}')])
  expect(messageIn(relayed)).toMatch(/yours are not concerned\. It said: 401 bad_key\.$/)
})

/** An Azure deployment has a place in the path, which dots cannot have. */
const NOWHERE = provider('shop/second', 'AzureOpenAI', ['m=..'], { apiVersion: '2024-10-21' })

test('a request that cannot be written for the next provider is refused in the stream that comments have opened', async () => {
  const relayed = new Relayed({ stream: true, attempts: 2, others: [NOWHERE] })
  relayed.comment()
  relayed.sink.onHead(500, [...JSON_TYPE], undefined)
  relayed.sink.onEnd()
  expect(await relayed.outcome).toBe('relayed')
  expect(messageIn(relayed)).toBe('No provider or rule serves this model. ".." cannot be a model\'s name.')
  expect(relayed.client.ending).toBe('whole')
  expect(relayed.record).toMatchObject({ status: 200, failure: 'model_not_found', fault: 'policy', attempts: 2 })
})

test('and refused like any other where no comment was', async () => {
  const relayed = new Relayed({ stream: true, attempts: 2, others: [NOWHERE] })
  fail(relayed, '')
  expect([await relayed.outcome, relayed.client.begun]).toEqual(['model_not_found', false])
})

test('a client that leaves behind comments is told nothing', async () => {
  const relayed = new Relayed({ stream: true })
  relayed.comment()
  const { length } = relayed.client.body
  relayed.client.watching?.onGone()
  expect([await relayed.outcome, relayed.client.body.length]).toEqual(['client_closed', length])
})

test('a stream goes on behind its comments as it comes', async () => {
  const relayed = new Relayed({ stream: true })
  relayed.comment()
  relayed.sink.onHead(200, [...SSE_TYPE], undefined)
  relayed.body(Buffer.from(CHAT_EVENT))
  expect(relayed.client.body.toString()).toBe(`: keep-alive\n\n${CHAT_EVENT}`)
})

test('a key that was set aside is tried again by a request that is sent, and by no other', async () => {
  const credentials = [{ name: 'primary', file: 'key', weight: 1 }]
  const relayed = new Relayed({
    attempts: 2,
    others: [{ ...NOWHERE, credentials }],
    before: (key) => key.refused(401, '', -60_000),
  })
  fail(relayed, '')
  expect(await relayed.outcome).toBe('model_not_found')
  expect(relayed.keys.map((key) => key.blocked('', relayed.nowMs)?.state)).toEqual(['SetAside', undefined])
})
