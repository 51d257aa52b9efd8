// What can go wrong with a provider, and what the client makes of it: the table of matrix.test.ts.
//
// Each row is tried in every dialect, as a stream and as an answer in one piece unless it names one of them, and in three places:
// `failover`: the first of two backends does it, the second is healthy. `last`: both do it, and two attempts are all there may be.
// `only`: both do it, and one attempt is all there may be. `asked` says how many requests reached the first and the second.
import type { Answer, Fault } from '../../support/fault-provider-fault.ts'
import { answerOf, type Conversation, type Form, JSON_TYPE, SSE_TYPE } from './dialects.ts'
import type { ProviderFault } from './scene.ts'

export interface Row extends ProviderFault {
  readonly name: string
  readonly form?: Form
  readonly dialects?: readonly Conversation['name'][]
  /** The word in the provider's own errors. */
  readonly word?: string
  readonly failover: string
  readonly last: string
  readonly only: string
  /** Where Gemini's differ: its in-stream error is no event, so the connection is broken behind it. */
  readonly gemini?: Partial<Pick<Row, 'failover' | 'last' | 'only'>>
}

const SECOND = '200 answer of second (attempts 2) asked 1+1'
const SECOND_ALONE = '200 answer of second (attempts 2) asked 0+1'

/** Nothing of it reached the client, so another backend is asked, and the code tells what it was when none is left. */
function failsOver(text: string): Pick<Row, 'failover' | 'last' | 'only'> {
  return {
    failover: SECOND,
    last: `${text} (attempts 2; no retry) asked 1+1`,
    only: `${text} (attempts 1; no retry) asked 1+0`,
  }
}

/** The client gets the first one's, wherever it stands. */
function passes(text: string): Pick<Row, 'failover' | 'last' | 'only'> {
  return {
    failover: `${text} (attempts 1) asked 1+0`,
    last: `${text} (attempts 1) asked 1+0`,
    only: `${text} (attempts 1) asked 1+0`,
  }
}

/** An error that is the caller's own: it passes. SDKs would try again, and are told not to where that is one too many. */
function callers(text: string): Pick<Row, 'failover' | 'last' | 'only'> {
  return { ...passes(text), only: `${text} (attempts 1; no retry) asked 1+0` }
}

/** The provider's own words are passed on when nobody is left to ask: in a stream, where no SDK tries again, without any advice. */
function reports(text: string): Pick<Row, 'failover' | 'last' | 'only'> {
  return { failover: SECOND, last: `${text} (attempts 2) asked 1+1`, only: `${text} (attempts 1) asked 1+0` }
}

/** A visible end behind content. */
function breaksOff(code: string): Pick<Row, 'failover' | 'last' | 'only' | 'gemini'> {
  return { ...passes(`200 part of first, then ${code}`), gemini: passes(`200 part of first, then ${code}, broken`) }
}

const cut =
  (until: Fault['until'], end: Fault['end']) =>
  (conversation: Conversation, form: Form, who: string): Fault => ({
    answer: answerOf(conversation, form, who),
    ...(until !== undefined && { until }),
    ...(end !== undefined && { end }),
  })

/** A stream that gets as far as this many of its events. */
const cutBehind =
  (part: 'start-up' | 'content', end: Fault['end']) =>
  (conversation: Conversation, form: Form, who: string): Fault => {
    const events = [...conversation.startUp(who), ...(part === 'content' ? conversation.content(who) : [])]
    return cut({ bodyBytes: Buffer.byteLength(events.join('')) }, end)(conversation, form, who)
  }

/** A stream whose last event is the provider's own error. */
const errorBehind =
  (part: 'nothing' | 'start-up' | 'content', word: string, status: number) =>
  (conversation: Conversation, _form: Form, who: string): Fault => {
    const events = [
      ...(part === 'nothing' ? [] : conversation.startUp(who)),
      ...(part === 'content' ? conversation.content(who) : []),
      conversation.errorEvent(word, status),
    ]
    return { answer: { status: 200, headers: SSE_TYPE, body: events.join(''), framing: 'Chunked' } }
  }

const errorIn200 =
  (word: string, status: number) =>
  (conversation: Conversation): Fault => ({
    answer: { status: 200, headers: JSON_TYPE, body: conversation.errorBody(word, status), framing: 'Length' },
  })

function errorAnswer(conversation: Conversation, status: number, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { ...JSON_TYPE, ...headers },
    body: conversation.errorBody('the_word', status),
    framing: 'Length',
  }
}

const API_KEY_INVALID = JSON.stringify({
  error: {
    code: 400,
    message: 'API key not valid. Please pass a valid API key.',
    status: 'INVALID_ARGUMENT',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
    ],
  },
})

const answers =
  (status: number, headers: Answer['headers'] = {}, rest: Omit<Fault, 'answer'> = {}) =>
  (conversation: Conversation): Fault => ({ answer: errorAnswer(conversation, status, headers), ...rest })

/** Stalls behind more of a body than anybody reads: no limit of time is short here. */
const endless =
  (status: number) =>
  (conversation: Conversation): Fault => {
    const { body, ...answer } = errorAnswer(conversation, status)
    const page = `${body}${' '.repeat(400_000)}`
    return { answer: { ...answer, body: page }, until: { bodyBytes: 300_000 }, end: 'Stall' }
  }

const UNTIL_THE_HEAD: readonly Row[] = [
  {
    name: 'refuses connections',
    place: 'Refusing',
    failover: SECOND_ALONE,
    last: '502 provider_unreachable (attempts 2; no retry) asked 0+0',
    only: '502 provider_unreachable (attempts 1; no retry) asked 0+0',
  },
  {
    name: 'resets connections',
    place: 'Resetting',
    failover: SECOND_ALONE,
    last: '502 provider_unreachable (attempts 2; no retry) asked 0+0',
    only: '502 provider_unreachable (attempts 1; no retry) asked 0+0',
  },
  {
    name: 'stalls in the TLS handshake',
    place: 'Ignoring',
    waits: 'connectMs',
    failover: SECOND_ALONE,
    last: '504 provider_connect_timeout (attempts 2; no retry) asked 0+0',
    only: '504 provider_connect_timeout (attempts 1; no retry) asked 0+0',
  },
  { name: 'resets before the head', fault: cut('BeforeHead', 'Rst'), ...failsOver('502 provider_disconnected') },
  { name: 'closes before the head', fault: cut('BeforeHead', 'Fin'), ...failsOver('502 provider_disconnected') },
  {
    name: 'stalls before the head',
    fault: cut('BeforeHead', 'Stall'),
    waits: 'firstByteMs',
    ...failsOver('504 provider_first_byte_timeout'),
  },
  { name: 'resets within the head', fault: cut('MidHead', 'Rst'), ...failsOver('502 provider_truncated') },
  { name: 'closes within the head', fault: cut('MidHead', 'Fin'), ...failsOver('502 provider_truncated') },
  {
    name: 'stalls within the head',
    fault: cut('MidHead', 'Stall'),
    waits: 'firstByteMs',
    ...failsOver('504 provider_first_byte_timeout'),
  },
  {
    name: 'speaks something else',
    fault: (conversation, form, who) => ({ answer: answerOf(conversation, form, who), raw: 'SSH-2.0-x\r\n\r\n' }),
    ...failsOver('502 provider_invalid_response'),
  },
  { name: 'resets behind the head', fault: cut('AfterHead', 'Rst'), ...failsOver('502 provider_truncated') },
  { name: 'closes behind the head', fault: cut('AfterHead', 'Fin'), ...failsOver('502 provider_truncated') },
  { name: 'sends an empty body', fault: cut('AfterHead', 'Polite'), ...failsOver('502 provider_truncated') },
  {
    name: 'stalls behind the head',
    fault: cut('AfterHead', 'Stall'),
    waits: 'idleMs',
    ...failsOver('504 provider_idle_timeout'),
  },
]

const IN_A_BODY: readonly Row[] = [
  {
    name: 'trickles',
    fault: (...of) => ({ ...cut('Whole', 'Fin')(...of), pace: 'ByteByByte' }),
    ...passes('200 answer of first'),
  },
  ...(['Rst', 'Fin', 'Polite'] as const).flatMap((end): Row[] => [
    {
      name: `cuts in one piece by ${end}`,
      form: 'whole',
      fault: cut('MidBody', end),
      ...failsOver('502 provider_truncated'),
    },
    {
      name: `cuts before content by ${end}`,
      form: 'stream',
      fault: cutBehind('start-up', end),
      ...failsOver('502 provider_truncated'),
    },
    {
      name: `cuts behind content by ${end}`,
      form: 'stream',
      fault: cutBehind('content', end),
      ...breaksOff('provider_truncated'),
    },
    {
      name: `cuts the last byte in one piece by ${end}`,
      form: 'whole',
      fault: cut('LastByte', end),
      ...failsOver('502 provider_truncated'),
    },
  ]),
  {
    name: 'cuts the last byte of a stream politely',
    form: 'stream',
    fault: cut('LastByte', 'Polite'),
    ...breaksOff('provider_truncated'),
  },
  {
    name: 'stalls in one piece',
    form: 'whole',
    fault: cut('MidBody', 'Stall'),
    waits: 'idleMs',
    ...failsOver('504 provider_idle_timeout'),
  },
  {
    name: 'stalls before the last byte',
    form: 'whole',
    fault: cut('LastByte', 'Stall'),
    waits: 'idleMs',
    ...failsOver('504 provider_idle_timeout'),
  },
  {
    name: 'stalls before content',
    form: 'stream',
    fault: cutBehind('start-up', 'Stall'),
    waits: 'idleMs',
    ...failsOver('504 provider_idle_timeout'),
  },
  {
    name: 'stalls behind content',
    form: 'stream',
    fault: cutBehind('content', 'Stall'),
    waits: 'idleMs',
    ...breaksOff('provider_idle_timeout'),
  },
]

const ITS_OWN_ERRORS: readonly Row[] = [
  {
    name: 'reports overload as the first event',
    form: 'stream',
    word: 'overloaded_error',
    fault: errorBehind('nothing', 'overloaded_error', 529),
    ...reports('200 its own error'),
  },
  {
    name: 'reports overload behind start-up',
    form: 'stream',
    word: 'overloaded_error',
    fault: errorBehind('start-up', 'overloaded_error', 529),
    ...reports('200 start-up of first, then its own error'),
  },
  {
    name: 'reports overload behind content',
    form: 'stream',
    word: 'overloaded_error',
    fault: errorBehind('content', 'overloaded_error', 529),
    ...passes('200 part of first, then its own error'),
  },
  {
    name: 'reports overload in a 200',
    form: 'whole',
    word: 'overloaded_error',
    fault: errorIn200('overloaded_error', 529),
    ...failsOver('502 its own error'),
  },
  ...[500, 502, 503, 504, 529, 408].map(
    (status): Row => ({ name: `answers ${status}`, fault: answers(status), ...failsOver(`${status} its own error`) }),
  ),
  { name: 'answers 429', fault: answers(429), ...failsOver('429 its own error') },
  {
    name: 'answers 503 and says when',
    fault: answers(503, { 'retry-after': '7' }),
    failover: SECOND,
    last: '503 its own error (attempts 2; no retry; after 7 s) asked 1+1',
    only: '503 its own error (attempts 1; no retry; after 7 s) asked 1+0',
  },
  {
    name: 'answers 429 for an hour',
    fault: answers(429, { 'retry-after': '3600' }),
    failover: SECOND,
    last: '429 its own error (attempts 2; no retry; after 3600 s) asked 1+1',
    only: '429 its own error (attempts 1; no retry; after 3600 s) asked 1+0',
  },
  {
    name: 'answers 503 and breaks off within it',
    fault: answers(503, {}, { until: 'MidBody', end: 'Rst' }),
    ...failsOver('502 provider_error'),
  },
  {
    name: 'answers 503 and stalls within it',
    fault: answers(503, {}, { until: 'MidBody', end: 'Stall' }),
    waits: 'idleMs',
    ...failsOver('502 provider_error'),
  },
  {
    name: 'answers 503 with a page that never ends',
    fault: endless(503),
    ...failsOver('503 its own error'),
  },
  ...[400, 404, 413, 422].map(
    (status): Row => ({ name: `answers ${status}`, fault: answers(status), ...passes(`${status} its own error`) }),
  ),
  // The one 4xx of the caller's own that SDKs try again.
  { name: 'answers 409', fault: answers(409), ...callers('409 its own error') },
  {
    name: 'does not know our key, as Google says it',
    dialects: ['gemini'],
    fault: () => ({ answer: { status: 400, headers: JSON_TYPE, body: API_KEY_INVALID, framing: 'Length' } }),
    ...failsOver('502 provider_credentials_exhausted'),
  },
  {
    name: 'has no quota left for our key',
    dialects: ['chat', 'responses'],
    fault: (conversation) => ({
      answer: { ...errorAnswer(conversation, 429), body: conversation.errorBody('insufficient_quota', 429) },
    }),
    ...failsOver('502 provider_credentials_exhausted'),
  },
  ...[401, 402, 403].map(
    (status): Row => ({
      name: `answers ${status}`,
      fault: answers(status),
      ...failsOver('502 provider_credentials_exhausted'),
    }),
  ),
]

export const ROWS: readonly Row[] = [...UNTIL_THE_HEAD, ...IN_A_BODY, ...ITS_OWN_ERRORS]
