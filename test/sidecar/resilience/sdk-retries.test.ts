// The official SDKs with their own retries on, before a sidecar with retries of its own: how often the provider is asked in all, for
// each kind of failure that an application gets in the end. Never more often than the route's bound.
//
// One backend, so that nobody else can answer. Google's SDK makes no tries of its own unless it is asked for them, reads no header
// that speaks of them and sends none: what it is asked for comes on top, which the last test says.
import { beforeAll, describe, expect, test } from '@jest/globals'
import { ask } from '../../support/client.ts'
import type { Fault } from '../../support/fault-provider-fault.ts'
import { lendFetchDispatcher } from '../../support/google-genai.ts'
import { answerOf, CONVERSATIONS, type Conversation, type Form, JSON_TYPE } from './dialects.ts'
import { type ProviderFault, type SceneCase, sceneForTests } from './scene.ts'
import { createSdkClients, readAll, SDK_CALLS, type SdkClients } from './sdk-clients.ts'

const BOUNDS = [1, 2, 3, 5] as const
const FORMS: readonly Form[] = ['stream', 'whole']
/** The SDKs wait for half a second and more before their own tries. */
const PATIENCE_MS = 60_000

interface Row extends ProviderFault {
  readonly name: string
  /** For each of the bounds: requests that reach the provider. */
  readonly asked: readonly number[]
  /** Where no SDK retries of its own are made. */
  readonly google: readonly number[]
}

function answers(status: number, headers = {}): Pick<Row, 'fault'> {
  return {
    fault: (conversation): Fault => ({
      answer: {
        status,
        headers: { ...JSON_TYPE, ...headers },
        body: conversation.errorBody('the_word', status),
        framing: 'Length',
      },
    }),
  }
}

function cutAt(until: NonNullable<Fault['until']>, end: NonNullable<Fault['end']>): Pick<Row, 'fault'> {
  return { fault: (conversation, form, who) => ({ answer: answerOf(conversation, form, who), until, end }) }
}

const EACH = { asked: [1, 2, 3, 5], google: [1, 2, 3, 5] }
const ONCE = { asked: [1, 1, 1, 1], google: [1, 1, 1, 1] }
/** One attempt of the sidecar's, and the rest are the SDK's two tries, within the bound. */
const BY_THE_SDK = { asked: [1, 2, 3, 3], google: [1, 1, 1, 1] }

/** How often depends on when the SDK comes back: before or after the key has had its rest. */
const RESTING: Row = { name: '429, again in 40 ms', ...answers(429, { 'retry-after-ms': '40' }), ...BY_THE_SDK }

const ROWS: readonly Row[] = [
  { name: '500', ...answers(500), ...EACH },
  { name: '503', ...answers(503), ...EACH },
  { name: '529', ...answers(529), ...EACH },
  { name: '408', ...answers(408), ...EACH },
  { name: '503, again in an hour', ...answers(503, { 'retry-after': '3600' }), ...ONCE },
  {
    name: '503, again in 40 ms, which is longer than the route waits',
    ...answers(503, { 'retry-after-ms': '40' }),
    ...BY_THE_SDK,
  },
  { name: '409', ...answers(409), ...BY_THE_SDK },
  { name: '400', ...answers(400), ...ONCE },
  { name: '401', ...answers(401), ...ONCE },
  { name: '403', ...answers(403), ...ONCE },
  { name: 'closed instead of an answer', ...cutAt('BeforeHead', 'Fin'), ...EACH },
  { name: 'reset within the head', ...cutAt('MidHead', 'Rst'), ...EACH },
  { name: 'silent', ...cutAt('BeforeHead', 'Stall'), waits: 'firstByteMs', ...EACH },
  { name: 'silent behind the head', ...cutAt('AfterHead', 'Stall'), waits: 'idleMs', ...EACH },
  { name: 'an answer without a body', ...cutAt('AfterHead', 'Polite'), ...EACH },
  { name: 'refusing connections', place: 'Refusing', asked: [0, 0, 0, 0], google: [0, 0, 0, 0] },
]

function caseOf(row: Row, conversation: Conversation, form: Form, attempts: number): SceneCase {
  return {
    id: `${conversation.name}-${ROWS.indexOf(row)}-${form}-${attempts}`,
    conversation,
    form,
    attempts,
    providers: [row],
  }
}

beforeAll(lendFetchDispatcher)

function failure(clients: SdkClients, { id, conversation, form }: SceneCase): Promise<unknown> {
  const calls = SDK_CALLS[conversation.name]
  const done = form === 'stream' ? readAll(calls.stream(clients, id)) : calls.whole(clients, id)
  return done.then(
    () => undefined,
    (error: unknown) => error,
  )
}

const ALL = CONVERSATIONS.flatMap((conversation) =>
  [RESTING, ...ROWS].flatMap((row) =>
    FORMS.flatMap((form) => BOUNDS.map((bound) => caseOf(row, conversation, form, bound))),
  ),
)

describe('an SDK as it comes', () => {
  const scene = sceneForTests(ALL)
  /** All beside each other, since the SDKs sleep most of the time. */
  let failures: Promise<unknown[]>

  beforeAll(() => {
    const clients = createSdkClients(scene().sidecar.url, undefined)
    failures = Promise.all(ALL.map((one) => failure(clients, one)))
  })

  test(
    'raises in the end',
    async () => {
      expect((await failures).filter((error) => !(error instanceof Error))).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'asks for a key that has to rest within the bound',
    async () => {
      await failures
      const resting = ALL.filter(({ id }) => /^\w+-0-/.test(id))
      expect(resting).toHaveLength(CONVERSATIONS.length * FORMS.length * BOUNDS.length)
      expect(resting.filter(({ id, attempts }) => scene().asked(id, 'first') > attempts)).toEqual([])
    },
    PATIENCE_MS,
  )

  const each = CONVERSATIONS.flatMap((conversation) =>
    FORMS.map((form) => [conversation.name, form, conversation] as const),
  )
  test.each(each)(
    '%s, %s: the provider is asked so often, for each bound',
    async (name, form, conversation) => {
      await failures
      const asked = (row: Row): number[] =>
        BOUNDS.map((bound) => scene().asked(caseOf(row, conversation, form, bound).id, 'first'))
      const expected = ROWS.map((row) => [row.name, name === 'gemini' ? row.google : row.asked])
      expect(Object.fromEntries(ROWS.map((row) => [row.name, asked(row)]))).toEqual(Object.fromEntries(expected))
    },
    PATIENCE_MS,
  )
})

describe('Google’s SDK when it is told to try three times', () => {
  const gemini = CONVERSATIONS.find(({ name }) => name === 'gemini') as Conversation
  const one = caseOf(ROWS[0] as Row, gemini, 'whole', 2)
  const scene = sceneForTests([one])

  test(
    'multiplies, since it neither says nor hears anything about tries',
    async () => {
      await failure(createSdkClients(scene().sidecar.url, 2), one)
      expect(scene().asked(one.id, 'first')).toBe(3 * one.attempts)
    },
    PATIENCE_MS,
  )

  test('though it is told, as any client, not to', async () => {
    const { headers } = await ask(scene().sidecar.url + gemini.path(one.id, 'whole'), {
      headers: gemini.headers,
      body: gemini.body(one.id, 'whole'),
    })
    expect(headers['x-should-retry']).toBe('false')
  })
})
