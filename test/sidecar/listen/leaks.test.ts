// Whatever clients do, in whatever order: what they took (connections, requests, bytes of bodies and of answers) comes back,
// once, when they have gone, and nothing is ever taken beyond its limit.
import { expect, test } from '@jest/globals'
import { until } from '../../support/client.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
import { type Front, type FrontOptions, frontsForTests, type Held, turns } from './front.ts'
import type { RawClient } from './raw-client.ts'
import { chunked, HOST, post } from './served.ts'

const RUNS = Number(process.env.FUZZ ?? 40)
const STEPS = 80
const LIMITS: FrontOptions = { connectionsMax: 12, requestsMax: 6, answersMax: 300_000, bodyTotalMax: 200_000 }

const start = frontsForTests()

const TARGETS = ['/v1/chat/completions', '/hold', '/hold', '/bytes/100', '/bytes/20000', '/bytes/400000']

function request(random: Random): string {
  const body = 'x'.repeat(pick(random, [0, 10, 1000, 50_000, 100_000]))
  const target = pick(random, TARGETS)
  const kind = below(random, 10)
  if (kind === 0) return `GET ${target} HTTP/1.1\r\n${HOST}\r\n`
  if (kind === 1) return post(body, 'Expect: 100-continue\r\n', target)
  if (kind === 2) return post(body, 'Content-Encoding: gzip\r\n', target)
  if (kind < 6) return chunked(body).replace('/v1/chat/completions', target)
  return post(body, '', target)
}

/** One thing that a client does. */
const STEPS_OF_CLIENTS: readonly ((client: RawClient, random: Random) => void)[] = [
  (client, random) => client.write(request(random)),
  (client, random) => client.write(request(random)),
  (client, random) => client.write(request(random) + request(random) + request(random)),
  (client, random) => client.write(request(random).slice(0, 1 + below(random, 300))),
  (client) => void client.socket.pause(),
  (client) => void client.socket.resume(),
  (client) => void client.socket.end(),
  (client) => void client.socket.resetAndDestroy(),
  (client) => client.leave(),
]

/** One thing that becomes of a request that was let in. */
function act({ exchange, gone, refused }: Held, random: Random): 'open' | 'ended' {
  if (gone || refused) return 'ended'
  const kind = below(random, 6)
  if (!exchange.begun) {
    if (kind < 3) exchange.begin(200, [], undefined)
    else {
      exchange.reply(200, [], Buffer.alloc(below(random, 300_000)))
      return 'ended'
    }
    return 'open'
  }
  if (kind < 4) {
    exchange.write(Buffer.alloc(1 + below(random, 100_000)))
    return 'open'
  }
  if (kind === 4) exchange.end()
  else exchange.break()
  return 'ended'
}

function taken({ admission, bodies }: Front): number[] {
  return [admission.connections, admission.requests, admission.answers.bytes, bodies.bytes]
}

const MAXIMA = [12, 6, Number.POSITIVE_INFINITY, 200_000]

async function run(front: Front, random: Random): Promise<void> {
  const clients: RawClient[] = []
  let open: Held[] = []
  for (let step = 0; step < STEPS; step++) {
    const kind = below(random, 10)
    if (kind < 2) clients.push(await front.connect())
    else if (kind < 7 && clients.length > 0) pick(random, STEPS_OF_CLIENTS)(pick(random, clients), random)
    open.push(...front.held.splice(0))
    open = open.filter((held) => below(random, 2) === 0 || act(held, random) === 'open')
    await turns(below(random, 4))
    const now = taken(front)
    expect(now.filter((count, i) => count < 0 || count > (MAXIMA[i] ?? 0))).toEqual([])
  }
  for (const client of clients) client.leave()
  // What still waits for its answer hears that nobody does.
  await until(
    () => taken(front),
    (counts) => counts.every((count) => count === 0),
  )
  open.push(...front.held.splice(0))
  expect(open.filter(({ gone, exchange }) => !gone && !exchange.begun)).toEqual([])
}

test(`${RUNS} random runs leave nothing behind`, async () => {
  const front = await start(LIMITS)
  for (let seed = 1; seed <= RUNS; seed++) {
    await run(front, seeded(seed)).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${String(error)}`)
    })
  }
  expect(front.refused).toContain('overloaded')
})
