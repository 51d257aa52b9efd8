// A flood beside a stream and the probes: all three share one process and one event loop. Nothing is timed: what counts is
// that each is answered while the flood goes on.
import { afterEach, expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import { type AdminServer, createAdminServer } from '../../../process/admin/server.ts'
import { TURN_BYTES_MAX } from '../../../sidecar/http/turn-share.ts'
import { ask, until } from '../../support/client.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { type Front, frontsForTests, type Held, turns } from './front.ts'
import type { RawClient } from './raw-client.ts'
import { BODY, chunked, post, said } from './served.ts'

const PROBES = 40
const PIPELINED = 20
const CLIENTS = 30

const start = frontsForTests()
let admin: AdminServer | undefined

afterEach(async () => {
  await admin?.close()
})

async function startAdmin(): Promise<string> {
  admin = createAdminServer({
    checks: () => [],
    details: () => ({}),
    pages: {},
    registry: new Registry(),
    log: recordedLog(),
  })
  const { port } = await admin.listen('127.0.0.1', 0)
  return `http://127.0.0.1:${port}`
}

async function streaming(front: Front): Promise<{ client: RawClient; held: Held }> {
  const client = await front.connect()
  client.write(post(BODY, '', '/hold'))
  await until(
    () => front.held.length,
    (count) => count === 1,
  )
  const held = front.held[0] as Held
  held.exchange.begin(200, [], undefined)
  return { client, held }
}

const KINDS: readonly (readonly [name: string, request: string])[] = [
  ['that are ordinary', post(BODY)],
  ['that node:http reads', chunked(BODY)],
  ['with large bodies', post('x'.repeat(60_000))],
]

test.each(KINDS)(
  'while more requests come than there is room for, %s, every probe is answered and a stream goes on to its end',
  async (_name, request) => {
    const front = await start({ requestsMax: 2, connectionsMax: CLIENTS, bodyTotalMax: 100_000 })
    const adminUrl = await startAdmin()
    const { client, held } = await streaming(front)
    // The second and last place; so everything that follows is refused.
    const other = await front.connect()
    other.write(post(BODY, '', '/hold'))
    await until(
      () => front.held.length,
      (count) => count === 2,
    )

    let flooding = true
    const answers = new Map<string, number>()
    const flood = Array.from({ length: CLIENTS + 10 }, async () => {
      while (flooding) {
        const one = await front.connect()
        one.write(request.repeat(PIPELINED))
        for (let i = 0; i < PIPELINED && flooding; i++) {
          const reply = said(await one.reply())
          answers.set(reply, (answers.get(reply) ?? 0) + 1)
          if (reply === 'closed' || reply === 'cut') break
        }
        one.leave()
        await turns(1)
      }
    })

    const probes: string[] = []
    for (let i = 0; i < PROBES; i++) {
      expect(held.exchange.write(Buffer.from(`event ${i}\n`))).toBe(true)
      const { status, body } = await ask(`${adminUrl}/livez`)
      probes.push(`${status} ${body}`)
    }
    flooding = false
    await Promise.all(flood)

    expect(probes).toEqual(Array(PROBES).fill('200 ok'))
    expect(front.letIn).toEqual(['/hold', '/hold'])
    held.exchange.end()
    const events = Array.from({ length: PROBES }, (_, i) => `event ${i}\n`).join('')
    expect(await client.reply()).toMatchObject({ status: 200, body: events })
    front.held[1]?.answer()
    expect(said(await other.reply())).toBe('200')
    // Told, or cut off where it was too much to be told: never served, and never without an answer.
    const kinds = [...answers.keys()].sort()
    expect(['503 overloaded', 'closed', 'cut']).toEqual(expect.arrayContaining(kinds))
    expect(answers.get('503 overloaded')).toBeGreaterThan(CLIENTS)
  },
)

const UPLOAD_BYTES = 64 * 1024 * 1024

const UPLOADS: readonly (readonly [name: string, head: string, end: string])[] = [
  ['an ordinary request', post('', '', '/hold').replace('Length: 0', `Length: ${UPLOAD_BYTES}`), ''],
  ['one that node:http reads', chunkedHead(), '\r\n0\r\n\r\n'],
]

test.each(UPLOADS)(
  'what a client uploads without a pause takes no more than its share of each turn: %s',
  async (_name, head, end) => {
    const front = await start({ bodyMax: UPLOAD_BYTES, bodyTotalMax: UPLOAD_BYTES })
    const uploading = await front.connect()
    uploading.write(head)
    await until(
      () => front.held.length,
      (count) => count === 1,
    )
    const read = front.held[0]?.read as Promise<unknown>
    uploading.write(Buffer.alloc(UPLOAD_BYTES))
    uploading.write(end)
    let passed = 0
    let whole = false
    void read.then(() => {
      whole = true
    })
    for (; !whole; passed++) await turns(1)
    // The read that goes beyond the share is taken, and one more waits in the stream.
    expect(passed).toBeGreaterThanOrEqual(UPLOAD_BYTES / (TURN_BYTES_MAX + 128 * 1024))
  },
)

function chunkedHead(): string {
  const [head = ''] = chunked('').split('\r\n\r\n')
  return `${head.replace('/v1/chat/completions', '/hold')}\r\n\r\n${UPLOAD_BYTES.toString(16)}\r\n`
}
