// Sidecars that count together, each with its own sockets, before two mock providers: alone, with a store, or with shares. What the
// providers served is what is measured; of the sidecars only what they say that they hold is read, to be shown beside it.

import { setTimeout as sleep } from 'node:timers/promises'
import { tokensOf } from '../../mock/completion.ts'
import type { AnswerAccount } from '../../mock/ledger.ts'
import { type Mock, startMock } from '../../mock/server.ts'
import type { SidecarSettings } from '../../sidecar/settings.ts'
import { parseStoreAddress } from '../../sidecar/store/store-address.ts'
import { type RedisServer, startRedis } from '../sidecar/store/redis.ts'
import { askJson, until } from '../support/client.ts'
import { startTestSidecar, type TestSidecar } from '../support/sidecar.ts'
import { startDivision } from './division.ts'
import type { Served } from './figures.ts'
import { amountOf, documentFor, KINDS, type Kind, type Limits, limitId, PROMPT, WINDOW_MS } from './kinds.ts'

export type Counted = 'Alone' | 'Store' | 'Shares'

export interface Fleet {
  readonly urls: readonly string[]
  /** Of answers that have ended. */
  readonly served: Readonly<Record<Kind, readonly Served[]>>
  /** What is counted now by all sidecars together, reservations included. */
  held(): Promise<Record<Kind, number>>
  /** What sidecars have warned of. */
  warnings(): string[]
  stop(): Promise<void>
}

/** Put into each request, to come back with its answer's account: `performance` milliseconds. */
export const SENT_HEADER = 'x-accuracy-sent'
/** Every fifth request meets it at the provider that is asked first. */
const FAILURES_PER_CYCLE = [{ status: '500' }, {}, {}, {}, {}] as const
const CYCLES = 2_000
const PRESENCE_MS = 3_500
const KEYS = { key: 'sk-accuracy' }

/** `own`: settings that are not the defaults. */
export async function startFleet(
  { counted, sidecars: count }: { counted: Counted; sidecars: number },
  limits: Limits,
  own: Partial<SidecarSettings>,
): Promise<Fleet> {
  const served: Record<Kind, Served[]> = { Requests: [], Tokens: [], Cost: [], Concurrency: [] }
  const mocks = await startMocks(served)
  const redis = counted === 'Store' ? await startRedis() : undefined
  const config = documentFor(limits, [mocks[0].url, mocks[1].url])
  const settings = {
    ...({ accessLog: 'off', logLevel: 'warn', requestsMax: 10_000, limitShares: 'whole' } as const),
    ...(redis && { store: parseStoreAddress(redis.url) }),
    ...(counted === 'Shares' && { limitShares: 'assigned' as const }),
    ...own,
  }
  const sidecars = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      startTestSidecar({ config, keys: KEYS }, { ...settings, pod: `pod-${at}` }),
    ),
  )
  const division = counted === 'Shares' ? startDivision(sidecars, config, KEYS) : undefined
  const held = async () => ({ ...(await heldBy(sidecars, counted)), ...(redis && (await heldIn(redis))) })
  // Those that began together know of each other, and how large a part of the limit is theirs without the store, from the next beat on.
  if (redis !== undefined && own.onStoreFailure !== 'Deny') await sleep(PRESENCE_MS)
  if (division !== undefined)
    await until(
      () => sharesOf(sidecars, limits),
      (parts) => parts.every((part) => part === 1),
    )
  return {
    urls: sidecars.map(({ url }) => url),
    served,
    held,
    warnings: () => sidecars.flatMap(({ logLines }) => logLines.map((line) => JSON.stringify(line))),
    async stop() {
      division?.close()
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()))
      await Promise.all(mocks.map((mock) => mock.close()))
      await redis?.stop()
    },
  }
}

async function startMocks(served: Record<Kind, Served[]>): Promise<[Mock, Mock]> {
  const onAnswer = (account: AnswerAccount): void => {
    const kind = account.model as Kind
    served[kind].push(servedOf(kind, account))
  }
  const first = await startMock({ wallClock, onAnswer })
  first.next(...Array.from({ length: CYCLES }, () => FAILURES_PER_CYCLE).flat())
  return [first, await startMock({ wallClock, onAnswer })]
}

/** The clock of all that is measured here. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now()
}

/** Of an answer that broke off, what had been sent of it counts, and its question. */
function servedOf(kind: Kind, { told, sentTokens, openedAt, headers }: AnswerAccount): Served {
  const used = told ?? { inputTokens: tokensOf(PROMPT), outputTokens: sentTokens }
  return {
    sentMs: Number(headers[SENT_HEADER]),
    arrivedMs: openedAt,
    endedMs: wallClock(),
    amount: amountOf(kind, used),
  }
}

interface LimitsPage {
  limits: { id: string; share: number }[]
  rows: { id: string; unit: string; used: number | string }[]
}

async function pagesOf(sidecars: readonly TestSidecar[]): Promise<LimitsPage[]> {
  const pages = await Promise.all(sidecars.map(({ adminUrl }) => askJson(`${adminUrl}/limits`)))
  return pages as unknown as LimitsPage[]
}

/** Of the limits that have a window: leases that are not spent yet included. */
async function heldIn({ client }: RedisServer): Promise<Partial<Record<Kind, number>>> {
  const held: Partial<Record<Kind, number>> = {}
  for (const kind of KINDS) {
    for (const key of await client.keys(`*${kind}*:${WINDOW_MS}ms`)) held[kind] = Number(await client.hget(key, 'sum'))
  }
  return held
}

/** With a store each says what all of them hold, as it was told last. */
async function heldBy(sidecars: readonly TestSidecar[], counted: Counted): Promise<Record<Kind, number>> {
  const pages = await pagesOf(sidecars)
  const together = (amounts: readonly number[]): number =>
    counted === 'Store' ? Math.max(...amounts) : amounts.reduce((sum, amount) => sum + amount, 0)
  const usedOf =
    (kind: Kind) =>
    ({ rows }: LimitsPage) =>
      amountIn(rows.find(({ id }) => id === limitId(kind)))
  return Object.fromEntries(KINDS.map((kind) => [kind, together(pages.map(usedOf(kind)))])) as Record<Kind, number>
}

function amountIn(row: LimitsPage['rows'][number] | undefined): number {
  return row === undefined ? 0 : Number(row.used) * (row.unit === 'USD' ? 1e12 : 1)
}

/** How much of each limit was granted. */
async function sharesOf(sidecars: readonly TestSidecar[], limits: Limits): Promise<number[]> {
  const pages = await pagesOf(sidecars)
  return KINDS.map((kind) => {
    const shares = pages.map((page) => page.limits.find(({ id }) => id === limitId(kind))?.share ?? 0)
    return shares.reduce((sum, share) => sum + share, 0) / limits[kind]
  })
}
