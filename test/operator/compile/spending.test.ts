// What a route is told of money that could not be counted, or not be held: each row is a route, and what it is told, in short.
import { describe, expect, test } from '@jest/globals'
import type { BudgetConfig, LimitConfig } from '../../../contract/limit-config.ts'
import type { ModelConfig, RuleConfig } from '../../../contract/sidecar-config.ts'
import { spendingNotices } from '../../../operator/compile/spending.ts'
import {
  backend,
  budgetConfig,
  exactly,
  limitConfig,
  match,
  priceConfig,
  provider,
  ruleConfig,
} from '../../support/sidecar-config.ts'

const PROVIDERS = [
  provider('shop/openai', 'OpenAI', [priced('large', 40), priced('small', 4), 'unpriced', 'another']),
  provider('shop/azure', 'AzureOpenAI', [priced('large', 50), priced('same', 40)]),
  provider('shop/anthropic', 'Anthropic', [priced('cheap', 1)]),
  provider('shop/open', 'OpenAICompatible'),
  provider('shop/limited', 'OpenAI', ['unpriced'], { limits: [cost('quota')] }),
]

/** At one price for all tokens. */
function priced(name: string, picoUsd: number): ModelConfig {
  const price = {
    inputPicoUsd: picoUsd,
    cachedInputPicoUsd: picoUsd,
    cacheWritePicoUsd: picoUsd,
    outputPicoUsd: picoUsd,
  }
  return { name, upstreamName: name, price: priceConfig(price) }
}

function cost(name: string, rest: Partial<LimitConfig> = {}): LimitConfig {
  return limitConfig(`route:shop/chat//${name}`, 'Cost', 1000, rest)
}

function budget(name: string, rest: Partial<BudgetConfig> = {}): BudgetConfig {
  return budgetConfig(`route:shop/chat//${name}`, 1000, rest)
}

const FALLBACK = { onExhausted: 'Fallback' } as const

type Case = Partial<Omit<RuleConfig, 'backends'>> & { to: string[] }

interface Told {
  flaws?: string[]
  warnings?: string[]
}

interface RouteRows {
  limits?: LimitConfig[]
  budgets?: BudgetConfig[]
}

/** Backends are `provider model`, of shop, with ` 0` for one without weight. */
function check(name: string, route: RouteRows, rules: Case[], told: Told): void {
  test(name, () => {
    const inUse = rules.map(({ to, ...rule }, index) => {
      const field = `rules[${index}]`
      const backends = to.map((text, at) => ({ field: `${field}.backends[${at}]`, ...backendInUse(text) }))
      return { field, config: ruleConfig('all', rule), backends }
    })
    const { flaws, warnings } = spendingNotices({ limits: [], budgets: [], ...route }, inUse)
    const short = (notices: typeof flaws) =>
      notices.map(({ field, reason, message }) => [field, reason, subject(message)])
    const expected = (lines: string[] = []) => lines.map((line) => line.split(' | '))
    expect({ flaws: short(flaws), warnings: short(warnings) }).toEqual({
      flaws: expected(told.flaws),
      warnings: expected(told.warnings),
    })
  })
}

function backendInUse(text: string) {
  const [id, model, weight] = text.split(' ')
  const of = PROVIDERS.find((each) => each.id === `shop/${id}`)
  if (of === undefined) throw new Error(`there is no provider ${id}`)
  return { config: backend(model ? `${of.id} ${model}` : of.id, Number(weight ?? 1)), provider: of }
}

/** What has no price, and what counts it; or the budget that holds nothing. */
function subject(message: string): string {
  const [, models, rows] = /has no price for (.*), and (.*) cannot count without one/.exec(message) ?? []
  return models === undefined ? (/budget "[a-z]+"/.exec(message)?.[0] ?? message) : `${models}: ${rows}`
}

const UNPRICED = 'rules[0].backends[0] | PriceUnknown | unpriced: budget "month"'
const month = { budgets: [budget('month')] }

describe('a price that is missing', () => {
  check('nothing counts money', {}, [{ to: ['openai unpriced'] }], {})
  check('a budget of the rule', {}, [{ to: ['openai unpriced'], ...month }], { flaws: [UNPRICED] })
  check('a budget of the route', month, [{ to: ['openai unpriced'] }], { flaws: [UNPRICED] })
  check('a limit of cost', { limits: [cost('usd')] }, [{ to: ['openai unpriced'] }], {
    flaws: ['rules[0].backends[0] | PriceUnknown | unpriced: limit "usd"'],
  })
  check('a limit of cost of the provider', {}, [{ to: ['limited unpriced'] }], {
    flaws: [`rules[0].backends[0] | PriceUnknown | unpriced: the provider's limit "quota"`],
  })
  check('a limit of tokens', { limits: [limitConfig('route:shop/chat//tpm', 'Tokens', 1)] }, [{ to: ['open'] }], {})
  check('several that count', { ...month, limits: [cost('usd')] }, [{ to: ['limited unpriced'] }], {
    flaws: [
      `rules[0].backends[0] | PriceUnknown | unpriced: budget "month", limit "usd", the provider's limit "quota"`,
    ],
  })
  check('what only watches', { budgets: [budget('month', { mode: 'Shadow' })] }, [{ to: ['openai unpriced'] }], {})
  check('AllowUnpriced', month, [{ to: ['openai unpriced'], unknownPrice: 'AllowUnpriced' }], {})
  check('a provider without models', month, [{ to: ['open'] }], {
    flaws: ['rules[0].backends[0] | PriceUnknown | any model: budget "month"'],
  })
  check('one backend of two', month, [{ to: ['openai unpriced', 'openai large'] }], { warnings: [UNPRICED] })
  check('one backend of two, where only its provider counts', {}, [{ to: ['limited unpriced', 'openai unpriced'] }], {
    warnings: [`rules[0].backends[0] | PriceUnknown | unpriced: the provider's limit "quota"`],
  })
  check('both backends', month, [{ to: ['openai unpriced', 'openai another'] }], {
    flaws: [UNPRICED, 'rules[0].backends[1] | PriceUnknown | another: budget "month"'],
  })
  check('a backend without weight is asked for nothing', month, [{ to: ['openai large', 'openai unpriced 0'] }], {})
  check('some models of a provider', month, [{ to: ['openai'] }], {
    warnings: ['rules[0].backends[0] | PriceUnknown | unpriced, another: budget "month"'],
  })
  check('models that the rule does not match', month, [{ to: ['openai'], matches: [exactly('large')] }], {})
  check('only models that the rule does match', month, [{ to: ['openai'], matches: [exactly('unpriced')] }], {
    flaws: [UNPRICED],
  })
  check(
    'models by a glob',
    month,
    [{ to: ['openai'], matches: [match({ models: [{ type: 'Glob', value: '*pr?ced' }] })] }],
    {
      flaws: [UNPRICED],
    },
  )
  check(
    'a rule for files and batches',
    month,
    [{ to: ['open'], matches: [match({ operations: ['Other', 'Models'] })] }],
    {},
  )
  check(
    'a rule for files and images',
    month,
    [{ to: ['open'], matches: [match({ operations: ['Other', 'Images'] })] }],
    {
      flaws: ['rules[0].backends[0] | PriceUnknown | any model: budget "month"'],
    },
  )
  check('a rule that is unavailable', month, [{ to: [] }], {})
  check('one rule of two', month, [{ to: ['openai large'] }, { to: ['openai unpriced'] }], {
    flaws: ['rules[1].backends[0] | PriceUnknown | unpriced: budget "month"'],
  })
})

describe('a budget that falls back', () => {
  const day = { budgets: [budget('month'), budget('day', FALLBACK)] }
  const nothing = { flaws: ['rules[0].budgets[1].onExhausted | NoCheaperBackend | budget "day"'] }
  check('has a cheaper model', {}, [{ to: ['openai large', 'openai small'], ...day }], {})
  check('has a cheaper provider', {}, [{ to: ['openai large', 'azure large'], ...day }], {})
  check(
    'has a cheaper provider of the same model',
    {},
    [{ to: ['openai', 'azure'], matches: [exactly('large')], ...day }],
    {},
  )
  check('has but one backend', {}, [{ to: ['openai large'], ...day }], nothing)
  check('has but one with a weight', {}, [{ to: ['openai large', 'openai small 0'], ...day }], nothing)
  check('has two of one price', {}, [{ to: ['openai large', 'azure same'], ...day }], nothing)
  check('has a cheaper one of another API', {}, [{ to: ['openai large', 'anthropic cheap'], ...day }], nothing)
  check(
    'has a provider of many models, each of which is asked by its name',
    {},
    [{ to: ['openai'], matches: [exactly('large', 'small')], ...day }],
    nothing,
  )
  check(
    'has a dearer one without a price, where that is allowed',
    {},
    [{ to: ['openai large', 'open'], unknownPrice: 'AllowUnpriced', ...day }],
    {},
  )
  check(
    'has another one without a price, where that is refused',
    {},
    [{ to: ['openai large', 'openai unpriced'], ...day }],
    {
      ...nothing,
      warnings: ['rules[0].backends[1] | PriceUnknown | unpriced: budget "month", budget "day"'],
    },
  )
  check('has none with a price, which is told first', {}, [{ to: ['openai unpriced'], ...day }], {
    flaws: ['rules[0].backends[0] | PriceUnknown | unpriced: budget "month", budget "day"'],
  })
  check('only watches', {}, [{ to: ['openai large'], budgets: [budget('day', { ...FALLBACK, mode: 'Shadow' })] }], {})

  const route = { budgets: [budget('all', FALLBACK)] }
  const [stuck, free] = [{ to: ['openai large'] }, { to: ['openai large', 'openai small'] }]
  check('is of the route, and every rule has a cheaper one', route, [free, free], {})
  check('is of the route, and no rule has a cheaper one', route, [stuck, stuck], {
    flaws: ['spec.budgets[0].onExhausted | NoCheaperBackend | budget "all"'],
  })
  check('is of the route, and one rule has none', route, [free, stuck], {
    warnings: ['rules[1].backends | NoCheaperBackend | budget "all"'],
  })
})
