// When a status shows another use of limits, over time: what sidecars say, and the looks at it.
import { describe, expect, test } from '@jest/globals'
import type { LimitsReport } from '../../../contract/limit-shares.ts'
import type { LLMRouteBudget, LLMRouteLimit } from '../../../operator/api/llm-route.ts'
import { compile } from '../../../operator/compile/compile.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import { percentOf } from '../../../operator/status/limit-use.ts'
import { UseBook } from '../../../operator/status/use-book.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

const ROUTE = { kind: 'LLMRoute', namespace: 'shop', name: 'chat' } as const
const POD = { namespace: 'shop', workload: 'Deployment/web' }
const ROW = { maxKeys: 1000, mode: 'Enforce' } as const
const RPM: LLMRouteLimit = { ...ROW, name: 'rpm', what: 'Requests', limit: 100, window: '10m' }
const HOUR: LLMRouteBudget = {
  ...{ ...ROW, name: 'hour', amount: '0.0001', window: 'Hour' },
  ...{ warnAtPercent: [80], onExhausted: 'Reject' },
}
const [RPM_ID, HOUR_ID] = ['route:shop/chat//rpm', 'route:shop/chat//hour']
/** A hundredth of the budget, in pico-USD. */
const CENT = 1_000_000
const START_MS = Date.parse('2026-11-21T10:00:00Z')

interface Rows {
  limits?: LLMRouteLimit[]
  budgets?: LLMRouteBudget[]
}

interface Opened {
  /** The pod `uid` says that it has used so much, `atS` seconds after ten o'clock. */
  hear(atS: number, id: string, used: number, uid?: string): void
  /** Whether a status is to be written then. */
  look(atS: number): boolean
  /** Percent by id; undefined while nothing is known. */
  shown(): Record<string, number> | undefined
  setRows(rows: Rows): void
  remove(uid: string): void
  readonly book: UseBook
}

function open(rows: Rows): Opened {
  const book = new UseBook()
  const setRows = ({ limits = [], budgets = [] }: Rows): void => {
    const price = { inputPerMillion: '1', outputPerMillion: '1' }
    const providers = [llmProvider('shop/openai', { models: [{ name: 'm', price }] })]
    const route = llmRoute('shop/chat', [ruleTo('openai')])
    Object.assign(route.spec, { limits, budgets })
    const namespaces = [{ name: 'shop', labels: {} }]
    book.setDocument('shop', compile(resolve({ providers, routes: [route], namespaces, secrets: [] }, 'shop')).config)
  }
  setRows(rows)
  return {
    ...{ book, setRows, remove: (uid) => book.removePod(uid) },
    hear(atS, id, used, uid = 'a') {
      const limits = [{ id, share: 0, used, wanted: used }]
      book.hear(uid, POD, { instance: uid, sharesVersion: 1, limits }, START_MS + atS * 1_000)
    },
    look: (atS) => book.look(new Map(), START_MS + atS * 1_000).has('shop'),
    shown() {
      const uses = book.usesOf(ROUTE)
      return uses && Object.fromEntries([...uses].map(([id, use]) => [id, percentOf(use)]))
    },
  }
}

test('nothing is known before the first look, and then all that pods use together', () => {
  const { hear, look, shown } = open({ limits: [RPM] })
  hear(0, RPM_ID, 20)
  hear(0, RPM_ID, 22, 'b')
  expect(shown()).toBeUndefined()
  expect(look(10)).toBe(true)
  expect(shown()).toEqual({ [RPM_ID]: 42 })
})

test.each<[what: string, share: number, rest: Pick<LimitsReport, 'store'>]>([
  ['that may count all of a limit', 100, {}],
  ['of which a store counts for all', 50, { store: 'Up' }],
  ['of which a store has counted for all', 50, { store: 'Away' }],
])('sidecars %s tell what all have used', (_what, share, rest) => {
  const { book, look, shown } = open({ limits: [RPM] })
  for (const [uid, used] of [
    ['a', 40],
    ['b', 42],
  ] as const) {
    const limits = [{ id: RPM_ID, share, used, wanted: used }]
    book.hear(uid, POD, { instance: uid, sharesVersion: null, limits, ...rest }, START_MS)
  }
  look(10)
  expect(shown()).toEqual({ [RPM_ID]: 42 })
})

describe('a limit of which 40 % are shown is shown anew', () => {
  function check(name: string, [atS, used]: [number, number], expected: boolean): void {
    test(name, () => {
      const { hear, look, shown } = open({ limits: [RPM] })
      hear(0, RPM_ID, 40)
      look(10)
      hear(atS, RPM_ID, used)
      expect(look(atS)).toBe(expected)
      expect(shown()).toEqual({ [RPM_ID]: expected ? used : 40 })
    })
  }

  check('not before a minute, whatever is used', [69, 100], false)
  check('after a minute', [70, 100], true)
  check('when less is used, too', [70, 39], true)
  check('not for less than a step of five percent', [500, 44], false)
  check('with the step', [500, 45], true)
})

describe('a budget of which 79 % are shown is shown anew', () => {
  function check(name: string, [atS, percent]: [number, number], expected: boolean): void {
    test(name, () => {
      const { hear, look, shown } = open({ budgets: [HOUR] })
      hear(0, HOUR_ID, 79 * CENT)
      look(10)
      hear(atS, HOUR_ID, percent * CENT)
      expect(look(atS)).toBe(expected)
      expect(shown()).toEqual({ [HOUR_ID]: expected ? percent : 79 })
    })
  }

  check('at once when it passes a percentage at which it warns', [20, 80], true)
  check('at once when it is used up', [20, 100], true)
  check('but not again and again', [19, 100], false)
  check('and not for a step before a minute has passed', [60, 70], false)
})

test('with a new hour a budget is unused, whatever was said of the last', () => {
  const { hear, look, shown, book } = open({ budgets: [HOUR] })
  hear(3_590, HOUR_ID, 90 * CENT)
  look(3_590)
  expect(book.usesOf(ROUTE)?.get(HOUR_ID)?.resetsAtMs).toBe(START_MS + 3_600_000)
  // A sidecar whose clock is behind says it once more.
  hear(3_602, HOUR_ID, 90 * CENT)
  expect(look(3_660)).toBe(true)
  expect(shown()).toEqual({ [HOUR_ID]: 0 })
  hear(3_730, HOUR_ID, 5 * CENT)
  look(3_730)
  expect(shown()).toEqual({ [HOUR_ID]: 5 })
  expect(book.usesOf(ROUTE)?.get(HOUR_ID)?.resetsAtMs).toBe(START_MS + 7_200_000)
})

test('what a sidecar said that is silent since counts until it has left the window', () => {
  const { hear, look, shown } = open({ limits: [RPM] })
  hear(0, RPM_ID, 40)
  look(10)
  expect(look(599)).toBe(false)
  expect(look(600)).toBe(true)
  expect(shown()).toEqual({ [RPM_ID]: 0 })
})

test('a pod that is gone says nothing any more: what it may have used is told by others', () => {
  const { hear, look, shown, remove, book } = open({ limits: [RPM] })
  hear(0, RPM_ID, 40)
  look(10)
  remove('a')
  expect(book.look(new Map([[`${RPM_ID} shop`, 55]]), START_MS + 70_000)).toEqual(new Set(['shop']))
  expect(shown()).toEqual({ [RPM_ID]: 55 })
})

test('a limit that comes, changes or goes is shown at the next look', () => {
  const { hear, look, shown, setRows } = open({ limits: [RPM] })
  hear(0, RPM_ID, 40)
  look(10)
  setRows({ limits: [{ ...RPM, limit: 200 }] })
  expect(look(15)).toBe(true)
  expect(shown()).toEqual({ [RPM_ID]: 20 })
  setRows({ limits: [{ ...RPM, limit: 200 }], budgets: [HOUR] })
  expect(look(20)).toBe(true)
  expect(shown()).toEqual({ [RPM_ID]: 20, [HOUR_ID]: 0 })
  setRows({})
  expect(shown()).toEqual({})
})

test('of what each pod counts by itself the fullest pod is shown, and nothing is left of one that is gone', () => {
  const { book, hear, look, shown, remove } = open({ limits: [{ ...RPM, per: ['Pod'] }] })
  expect(look(10)).toBe(true)
  expect(shown()).toEqual({ [RPM_ID]: 0 })
  // A pod alone may count all of its limit.
  const limits = [{ id: RPM_ID, share: 100, used: 80, wanted: 80 }]
  book.hear('a', POD, { instance: 'a', sharesVersion: null, limits }, START_MS)
  hear(0, RPM_ID, 42, 'b')
  look(70)
  expect(shown()).toEqual({ [RPM_ID]: 80 })
  remove('a')
  look(130)
  expect(shown()).toEqual({ [RPM_ID]: 42 })
})

describe('a pod is concerned by', () => {
  function check(name: string, rows: Rows, expected: boolean): void {
    test(name, () => expect(open(rows).book.concerns('shop', {})).toBe(expected))
  }

  check('a limit that it shares', { limits: [RPM] }, true)
  check('one that it has for itself', { limits: [{ ...RPM, per: ['Pod'] }] }, true)
  check('a budget', { budgets: [HOUR] }, true)
  check('nothing else', {}, false)
})

test('pods in no namespace with a document are not concerned', () => {
  expect(open({ limits: [RPM] }).book.concerns('other', {})).toBe(false)
})

describe('the mark that a budget has passed is told', () => {
  const COUNT = `${HOUR_ID} shop`
  const NEXT_HOUR_MS = START_MS + 3_600_000

  test('of all pods together, until the hour ends', () => {
    const { book, hear, look } = open({ budgets: [HOUR] })
    hear(0, HOUR_ID, 40 * CENT)
    hear(0, HOUR_ID, 39 * CENT, 'b')
    look(10)
    expect(book.passed).toEqual(new Map())
    hear(11, HOUR_ID, 40 * CENT, 'b')
    look(15)
    expect(book.passed).toEqual(new Map([[COUNT, { percent: 80, untilMs: NEXT_HOUR_MS }]]))
    look(3_600)
    expect(book.passed).toEqual(new Map())
  })

  test('to each workload its own', () => {
    const { book, look } = open({ budgets: [{ ...HOUR, per: ['Workload'] }] })
    for (const [uid, workload, used] of [
      ['a', 'Deployment/web', 79],
      ['b', 'Job/once', 81],
    ] as const) {
      const limits = [{ id: HOUR_ID, share: 0, used: used * CENT, wanted: 0 }]
      book.hear(uid, { namespace: 'shop', workload }, { instance: uid, sharesVersion: 1, limits }, START_MS)
    }
    look(10)
    expect([...book.passed.keys()]).toEqual([`${COUNT} Job/once`])
  })

  test('to nobody where each pod has its own, or nothing is to be warned of', () => {
    for (const change of [{ per: ['Pod'] }, { warnAtPercent: [] }]) {
      const { book, hear, look } = open({ budgets: [{ ...HOUR, ...change } as LLMRouteBudget] })
      hear(0, HOUR_ID, 90 * CENT)
      look(10)
      expect(book.passed).toEqual(new Map())
    }
  })
})

test('a sidecar that says the impossible does not break the status', () => {
  const { hear, look, shown } = open({ limits: [RPM] })
  hear(0, RPM_ID, Number.MAX_VALUE)
  hear(0, RPM_ID, Number.MAX_VALUE, 'b')
  hear(0, 'route:shop/chat//other', 5, 'c')
  look(10)
  expect(shown()).toEqual({ [RPM_ID]: 1_000 })
})
