// How exact limits are that several sidecars count together, on real sockets and a real Redis, and how much of them can be used.
//
// The quick form says that no window holds more than its limit, in a store and by shares. `make accuracy` measures all of it for some
// minutes, writes the tables into docs/limits.md, and fails where less than 97 % of a limit can be used.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { HAS_REDIS } from '../sidecar/store/redis.ts'
import { withTables } from '../support/written-tables.ts'
import { type Cell, playCell, type Result, type Size } from './cell.ts'
import { KINDS, limitsFor } from './kinds.ts'
import { markdownOf, type Row } from './table.ts'

const IS_FULL = process.env.ACCURACY === 'full'
const USABLE_MIN = 0.97
/** What is used of tokens and money is known afterwards only: answers that are longer than usual, or that nobody waits for any more. */
const USED_MAX = 1.05
const PAGE = path.join(import.meta.dirname, '../../docs/limits.md')

const CELLS: readonly Cell[] = (['Alone', 'Store', 'Shares'] as const).flatMap((counted) =>
  (counted === 'Alone' ? [1] : [1, 2, 8]).flatMap((sidecars) =>
    (sidecars === 1 ? (['Even'] as const) : (['Even', 'OneSided'] as const)).map((aim) => ({ counted, sidecars, aim })),
  ),
)
const QUICK_CELLS = CELLS.filter(
  ({ counted, sidecars, aim }) => counted !== 'Alone' && sidecars === 2 && aim === 'Even',
)

const FULL: Size = { limits: limitsFor(400, 24), requests: 400, apartMs: 2000, steadyMs: 28_000 }
/** Long enough for the burst to leave the window. A machine that is too slow for the store's deadline refuses more, and admits no more. */
const QUICK: Size = {
  ...{ limits: limitsFor(40, 6), requests: 40, apartMs: 250, steadyMs: 9_500 },
  settings: { storeTimeout: 1000, onStoreFailure: 'Deny' },
}

const needsRedis = ({ counted }: Cell): boolean => counted === 'Store'
const nameOf = ({ counted, sidecars, aim }: Cell) => `${sidecars}, counted ${counted}, ${aim} load`

/**
 * Whatever the machine does. The failure of the first provider is the answer where meanwhile others have taken the tokens or the money that
 * the second attempt needs; a 503 is the store's deadline.
 */
function expectExact({ figures, outcomes }: Result): void {
  const others = [...outcomes].filter(
    ([name]) => !/: (Admitted|Refused)$|^(Tokens|Cost): status 500$|: status 503$/.test(name),
  )
  expect(others).toEqual([])
  expect(figures.Requests.admitted).toBeLessThanOrEqual(1)
  expect(figures.Concurrency.admitted).toBeLessThanOrEqual(1)
}

if (IS_FULL) describe('of sidecars that count together', measureAll)
else describe('two sidecars admit no more than the limit in any window', holdQuick)

function holdQuick(): void {
  const playing = new Map<Cell, Promise<Result>>()
  beforeAll(() => {
    for (const cell of QUICK_CELLS) if (HAS_REDIS || !needsRedis(cell)) playing.set(cell, playCell(cell, QUICK))
  })

  for (const cell of QUICK_CELLS) {
    const testWhere = HAS_REDIS || !needsRedis(cell) ? test : test.skip
    testWhere(
      nameOf(cell),
      async () => {
        const result = (await playing.get(cell)) as Result
        expectExact(result)
        for (const kind of KINDS) expect(result.figures[kind].admitted).toBeGreaterThan(0)
      },
      60_000,
    )
  }
}

function measureAll(): void {
  const rows: Row[] = []

  test.each(CELLS)(
    '$sidecars, counted $counted, $aim load: never more than the limit, and nearly all of it',
    async (cell) => {
      const result = await playCell(cell, FULL)
      rows.push({ cell, result })
      process.stderr.write(`${nameOf(cell)} ${JSON.stringify({ ...result, outcomes: [...result.outcomes] })}\n`)
      expectExact(result)
      for (const kind of KINDS) {
        const { admitted, usable } = result.figures[kind]
        expect({ kind, isWithin: admitted <= USED_MAX, isUsable: (usable ?? 0) >= USABLE_MIN }).toEqual({
          ...{ kind, isWithin: true, isUsable: true },
        })
      }
    },
    120_000,
  )

  afterAll(async () => {
    const tables = markdownOf(rows)
    process.stdout.write(`${tables}\n`)
    if (rows.length === CELLS.length)
      await writeFile(PAGE, withTables(await readFile(PAGE, 'utf8'), 'accuracy', tables))
  })
}
