// Every fault, in every phase, dialect and form, with another backend left or not: what the client gets, as a table.
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ask } from '../../support/client.ts'
import { CONVERSATIONS, type Conversation, type Form } from './dialects.ts'
import { inParallel } from './in-parallel.ts'
import { ROWS, type Row } from './matrix-rows.ts'
import { adviceWords, replyWords } from './reply-words.ts'
import { NAMES, type Scene, type SceneCase, sceneForTests } from './scene.ts'

const FORMS: readonly Form[] = ['stream', 'whole']
const ATTEMPTS = { failover: 3, last: 2, only: 1 } as const
type Position = keyof typeof ATTEMPTS
const POSITIONS = Object.keys(ATTEMPTS) as Position[]
const PATIENCE_MS = 60_000
/** At a time. */
const WIDTH = 60

interface Case extends SceneCase {
  readonly row: Row
  readonly position: Position
}

function casesOf(conversation: Conversation, form: Form, position: Position): Case[] {
  return ROWS.filter((row) => row.form === undefined || row.form === form)
    .filter(({ dialects }) => dialects === undefined || dialects.includes(conversation.name))
    .map((row, at) => ({
      id: `${conversation.name}-${form}-${position}-${at}`,
      conversation,
      form,
      attempts: ATTEMPTS[position],
      providers: [row, position === 'failover' ? {} : row],
      row,
      position,
    }))
}

const kept = new http.Agent({ keepAlive: true })
afterAll(() => kept.destroy())

async function replyTo({ id, row, conversation, form }: Case, { sidecar }: Scene): Promise<string> {
  const url = sidecar.url + conversation.path(id, form)
  // A connection that is to be closed is node:http's, one that is kept is read by the sidecar itself.
  const agent = Number(/\d+$/.exec(id)?.[0]) % 2 === 0 ? { agent: kept } : {}
  const request = { headers: conversation.headers, body: conversation.body(id, form), ...agent }
  const reply = await ask(url, request).catch((error: Error) => error.message)
  if (typeof reply === 'string') return `no reply: ${reply}`
  const told = { conversation, form, providers: NAMES, word: row.word ?? 'the_word' }
  return `${replyWords(reply, told)} (${adviceWords(reply)})`
}

function expected({ row, conversation, position }: Case): string {
  return (conversation.name === 'gemini' ? row.gemini?.[position] : undefined) ?? row[position]
}

const ALL = CONVERSATIONS.flatMap((conversation) =>
  FORMS.flatMap((form) => POSITIONS.flatMap((position) => casesOf(conversation, form, position))),
)

const scene = sceneForTests(ALL)
/** Of all cases, and only then: what a provider was asked it may notice later than the client that it was in vain. */
let replies: Promise<ReadonlyMap<Case, string>>

beforeAll(() => {
  const pairs = inParallel(ALL, WIDTH, async (one) => [one, await replyTo(one, scene())] as const)
  replies = pairs.then((entries) => new Map(entries))
})

describe.each(CONVERSATIONS)('$name', (conversation) => {
  describe.each(FORMS)('as a %s', (form) => {
    test.each(POSITIONS)(
      '%s',
      async (position) => {
        const ours = ALL.filter(
          (one) => one.conversation === conversation && one.form === form && one.position === position,
        )
        const seen = await replies
        const asked = ({ id }: Case): string => NAMES.map((who) => scene().asked(id, who)).join('+')
        const got = ours.map((one) => [one.row.name, `${seen.get(one)} asked ${asked(one)}`])
        expect(Object.fromEntries(got)).toEqual(Object.fromEntries(ours.map((one) => [one.row.name, expected(one)])))
      },
      PATIENCE_MS,
    )
  })
})
