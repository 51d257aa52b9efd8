// What limits and budgets leave to a request, where that depends on its prices, its model, or what became of its attempts.
import { describe, expect, test } from '@jest/globals'
import type { BudgetConfig, LimitConfig, PriceConfig } from '../../../contract/limit-config.ts'
import type { ModelConfig, Operation } from '../../../contract/sidecar-config.ts'
import { type Allowance, admit, type LimitWord, type Reservation } from '../../../sidecar/attempt/allowance.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { Estimator } from '../../../sidecar/limits/estimate.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { attemptOf, type Choice, route } from '../../../sidecar/request/route.ts'
import { NO_TOKENS, type Usage } from '../../../sidecar/stream/usage.ts'
import { type AttemptRecord, createAttempt, finishAttempt } from '../../../sidecar/telemetry/attempt-record.ts'
import { addAttempt, createRecord } from '../../../sidecar/telemetry/request-record.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import {
  backend,
  budgetConfig,
  limitConfig,
  priceConfig,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'

const USD = 1e12
const RULE_ID = 'route:shop/all/all'
/** A millionth of a USD for each token. */
const PRICE = priceConfig({ inputPicoUsd: 1e6, cachedInputPicoUsd: 1e6, cacheWritePicoUsd: 1e6, outputPicoUsd: 1e6 })

interface Case {
  limits?: LimitConfig[]
  budgets?: BudgetConfig[]
  price?: PriceConfig | undefined
  /** Of a second backend. */
  otherPrice?: PriceConfig
  model?: string | undefined
  operation?: Operation
}

/** One rule with one backend, or a second one that is not asked, whose only model is `m`, and a request that comes again and again. */
function rule({ limits = [], budgets = [], operation = 'Chat', otherPrice, ...rest }: Case) {
  const price = 'price' in rest ? rest.price : PRICE
  const model: ModelConfig = { name: 'm', upstreamName: 'm', ...(price !== undefined && { price }) }
  const models = new Map([['shop/first', model]])
  if (otherPrice !== undefined) models.set('shop/second', { ...model, price: otherPrice })
  const rules = [ruleConfig('all', { backends: Array.from(models.keys(), (id) => backend(id)), limits, budgets })]
  const providers = Array.from(models, ([id, one]) => provider(id, 'OpenAI', [one]))
  const config = { providers, routes: [routeConfig('shop/all', rules)] }
  const runtime = createRuntime(sidecarConfig(config), {})
  const counts = new Limits(
    createLocalSource({ wallClock: (nowMs) => nowMs }),
    new Shares('Whole', 'me', 0, (nowMs) => nowMs),
  )
  counts.adopt(runtime.rows, 0)
  const deps = { limits: counts, estimator: new Estimator(), now: () => 0, wallClock: () => 0 }
  const fields = { format: 'json', insertAt: 1, empty: true, spans: new Map() } as const
  const request = decodedRequest({ operation, model: 'model' in rest ? rest.model : 'm', fields })
  return {
    used: () => counts.reports(0).map(({ used }) => used),
    open: () => counts.open,
    begin: () => begin(route(runtime, request), (choice, record) => admit(choice, request, record, deps)),
  }
}

type Admit = (choice: Choice, record: ReturnType<typeof createRecord>) => Allowance | Promise<Allowance>

function begin(choice: Choice, admitTo: Admit) {
  const record = createRecord('request-1', 'POST', 0)
  const [candidate] = choice.candidates
  const allowance = admitTo(choice, record)
  if (allowance instanceof Promise || candidate === undefined) throw new Error('a local source is asked for nothing')
  const reserve = () => allowance.reserve(attemptOf(candidate, choice.model)) as Reservation | LimitWord
  const attempt = (end: (attempt: AttemptRecord) => void) => {
    const reserved = reserve()
    if (typeof reserved === 'string') return reserved
    const chosen = { provider: candidate.provider, model: candidate.model, circuit: 'Closed', why: '' } as const
    const made = createAttempt(chosen, { credential: '', waitedMs: 0 }, 0)
    addAttempt(record, made)
    end(made)
    reserved.settle(made)
    return 'made'
  }
  return { allowance, reserve, attempt }
}

function answers(usage: Partial<Usage> | undefined) {
  return (attempt: AttemptRecord): void => {
    attempt.status = 200
    attempt.usage = usage && { ...NO_TOKENS, ...usage }
    finishAttempt(attempt, 'Answered', 1)
  }
}

const budget = (rest: Partial<BudgetConfig> = {}) => budgetConfig(`${RULE_ID}/budget`, USD, rest)
const tokens = (limit: number, rest: Partial<LimitConfig> = {}) => limitConfig(`${RULE_ID}/tpm`, 'Tokens', limit, rest)

describe('a model without a price', () => {
  test.each([
    ['a budget', { budgets: [budget()] }, 'PriceUnknown'],
    ['a limit of cost', { limits: [limitConfig(`${RULE_ID}/cost`, 'Cost', USD)] }, 'PriceUnknown'],
    ['a budget in shadow', { budgets: [budget({ mode: 'Shadow' })] }, 'made'],
    ['a limit of tokens', { limits: [tokens(10_000)] }, 'made'],
  ])('meets %s', (_, rows, expected) => {
    const { attempt } = rule({ ...rows, price: undefined }).begin()
    expect(attempt(answers({ outputTokens: 5 }))).toBe(expected)
  })

  test.each<[what: string, rest: Partial<Case>, detail: string]>([
    ['a model', {}, 'Model "m" of shop/first has no price, and Budget "budget" of rule shop/all/all counts money.'],
    [
      'a request that names none',
      { model: undefined, operation: 'Responses' },
      'The request leaves the model to shop/first, and Budget "budget" of rule shop/all/all counts money.',
    ],
    [
      'an endpoint that tells no use',
      { operation: 'Other' },
      'Nobody tells what requests to this endpoint use, and Budget "budget" of rule shop/all/all counts money.',
    ],
  ])('is told with the budget: %s', (_, rest, detail) => {
    const { allowance, reserve } = rule({
      limits: [tokens(10_000)],
      budgets: [budget()],
      price: undefined,
      ...rest,
    }).begin()
    reserve()
    expect(allowance.refusal()?.detail).toBe(detail)
  })
})

describe('a request that leaves its model to the provider', () => {
  test.each([
    ['Responses', 'PriceUnknown'],
    ['Images', 'PriceUnknown'],
    ['Other', 'made'],
  ] as const)('of the operation %s meets a budget', (operation, expected) => {
    const { begin } = rule({ budgets: [budget()], model: undefined, operation })
    expect(begin().attempt(answers(undefined))).toBe(expected)
  })

  test('holds tokens like any other', () => {
    const { begin, used } = rule({ limits: [tokens(10_000)], model: undefined, operation: 'Responses' })
    begin().reserve()
    expect(used()).toEqual([1024])
  })
})

describe('an answer whose cost is unknown', () => {
  test('counts what was held for it', () => {
    const { begin, used } = rule({ budgets: [budget()], operation: 'Images' })
    begin().attempt(answers({ images: 1 }))
    expect(used()).toEqual([1024e6])
  })

  test('counts what it cost, where that is nothing', () => {
    const { begin, used } = rule({ budgets: [budget()], operation: 'Images' })
    begin().attempt(answers({}))
    expect(used()).toEqual([0])
  })
})

describe('a limit of requests', () => {
  const limits = [limitConfig(`${RULE_ID}/rpm`, 'Requests', 10), tokens(100)]

  test('counts no request that another limit refuses', () => {
    const { begin, used, open } = rule({ limits })
    // Holds all tokens while it is under way.
    begin().reserve()
    const { allowance, reserve } = begin()
    expect(reserve()).toBe('LimitReached')
    allowance.release()
    expect([used(), open()]).toEqual([[1, 100], 2])
  })

  test('counts one of which an attempt was made, whatever came of it', () => {
    const { begin, used, open } = rule({ limits: [limitConfig(`${RULE_ID}/rpm`, 'Requests', 10)] })
    const { allowance, attempt } = begin()
    attempt((made) => finishAttempt(made, 'provider_disconnected', 1))
    allowance.release()
    expect([used(), open()]).toEqual([[1], 0])
  })
})

describe('a budget that falls back', () => {
  const budgets = [budget({ onExhausted: 'Fallback' })]
  const spendAll = answers({ inputTokens: 2_000_000 })
  const FREE = priceConfig({ inputPicoUsd: 0, cachedInputPicoUsd: 0, cacheWritePicoUsd: 0, outputPicoUsd: 0 })

  test.each([
    ['a cheaper one stays', FREE, 'BudgetFallback'],
    ['none is cheaper', PRICE, 'made'],
  ])('once it is used up, what becomes of a backend where %s', (_name, otherPrice, outcome) => {
    const { begin } = rule({ budgets, otherPrice })
    expect([begin().attempt(spendAll), begin().attempt(spendAll)]).toEqual(['made', outcome])
  })
})
