import { expect, test } from '@jest/globals'
import type { Balance } from '../../../contract/sidecar-config.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { type Obstacle, type PlanView, plan } from '../../../sidecar/request/plan.ts'
import { type Choice, route } from '../../../sidecar/request/route.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import { seeded } from '../../support/random.ts'
import { backend, priceConfig, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

/** `name weight priority inputPico outputPico`; a price of 0 is none. */
type Described = readonly [name: string, weight?: number, priority?: number, inputPicoUsd?: number]

interface State {
  balance?: Balance
  panicPercent?: number
  obstacles?: Readonly<Record<string, Obstacle['kind']>>
  inFlight?: Readonly<Record<string, number>>
  timeToFirstByteMs?: Readonly<Record<string, number>>
  /** Draws, one after the other; the last one repeats. */
  random?: readonly number[]
}

function choiceOf(backends: readonly Described[], { balance = 'Weighted', panicPercent = 0 }: State): Choice {
  const providers = backends.map(([name, , , inputPicoUsd = 0]) => {
    const price = priceConfig({
      inputPicoUsd,
      cachedInputPicoUsd: 0,
      cacheWritePicoUsd: 0,
      outputPicoUsd: 2 * inputPicoUsd,
    })
    const model = { name: 'm', upstreamName: 'm' }
    return provider(`ai/${name}`, 'OpenAI', [inputPicoUsd === 0 ? model : { ...model, price }])
  })
  const configs = backends.map(([name, weight = 1, priority = 0]) => ({ ...backend(`ai/${name}`, weight), priority }))
  const rule = ruleConfig('r', { backends: configs, balance, panicPercent })
  const runtime = createRuntime(sidecarConfig({ providers, routes: [routeConfig('shop/r', [rule])] }), {})
  return route(runtime, decodedRequest({ model: 'm' }))
}

function viewOf({ obstacles = {}, inFlight = {}, timeToFirstByteMs = {}, random = [0] }: State): PlanView {
  const draws = [...random]
  const short = (id: string): string => id.replace('ai/', '')
  return {
    obstacle(candidate) {
      const kind = obstacles[short(candidate.provider.id)]
      return kind && { kind, untilMs: undefined }
    },
    inFlight: ({ id }) => inFlight[short(id)] ?? 0,
    timeToFirstByteMs: ({ id }) => timeToFirstByteMs[short(id)] ?? 0,
    random: () => (draws.length > 1 ? draws.shift() : draws[0]) as number,
  }
}

/** `expected`: the order, `!` before it in panic; behind a bar what was left out. */
function check(name: string, backends: readonly Described[], state: State, expected: string): void {
  test(name, () => {
    const planned = plan(choiceOf(backends, state), viewOf(state))
    const order = planned.backends.map((one) => one.provider.id.replace('ai/', '')).join(' ')
    const out = planned.leftOut.map((one) => `${one.backend.provider.id.replace('ai/', '')}:${one.obstacle.kind}`)
    const text = `${planned.mode === 'Panic' ? '!' : ''}${order}${out.length > 0 ? ` | ${out.join(' ')}` : ''}`
    expect(text.trim()).toBe(expected)
  })
}

check('one candidate needs no order', [['a']], {}, 'a')
check(
  'a lower priority number goes first, whatever the document’s order',
  [
    ['b', 1, 5],
    ['a', 1, 0],
  ],
  {},
  'a b',
)
check(
  'within a priority the draw decides',
  [
    ['a', 9],
    ['b', 1],
  ],
  { random: [0.95] },
  'b a',
)
check(
  'each tier is drawn for itself',
  [
    ['a', 1],
    ['b', 1],
    ['c', 1, 1],
    ['d', 1, 1],
  ],
  { random: [0.9] },
  'b a d c',
)

check(
  'the fewest in flight for its weight goes first',
  [['a'], ['b'], ['c']],
  { balance: 'LeastInFlight', inFlight: { a: 3, b: 1, c: 2 } },
  'b c a',
)
check(
  'idle ones share by weight',
  [
    ['a', 1],
    ['b', 9],
  ],
  { balance: 'LeastInFlight' },
  'b a',
)
check(
  'a weight of nine carries nine times as much',
  [
    ['a', 1],
    ['b', 9],
  ],
  { balance: 'LeastInFlight', inFlight: { a: 0, b: 9 } },
  'a b',
)

check(
  'of two draws the faster goes first',
  [['a'], ['b']],
  { balance: 'Fastest', timeToFirstByteMs: { a: 900, b: 200 } },
  'b a',
)
check(
  'a fast one that is busy is slow',
  [['a'], ['b']],
  { balance: 'Fastest', timeToFirstByteMs: { a: 200, b: 500 }, inFlight: { a: 4 } },
  'b a',
)
check(
  'one that was not measured is measured',
  [['a'], ['b']],
  { balance: 'Fastest', timeToFirstByteMs: { a: 10 } },
  'b a',
)
check(
  'of more than two only two are compared',
  [['a'], ['b'], ['c']],
  { balance: 'Fastest', timeToFirstByteMs: { a: 3, b: 2, c: 1 } },
  'b a c',
)

check(
  'the lowest price goes first',
  [
    ['a', 1, 0, 500],
    ['b', 1, 0, 100],
  ],
  { balance: 'Cheapest' },
  'b a',
)
check('an unknown price comes last', [['a'], ['b', 1, 0, 900]], { balance: 'Cheapest' }, 'b a')
check(
  'among equal prices the draw decides',
  [
    ['a', 1, 0, 5],
    ['b', 1, 0, 5],
  ],
  { balance: 'Cheapest', random: [0.7] },
  'b a',
)

check('an open circuit is left out', [['a'], ['b']], { obstacles: { a: 'CircuitOpen' } }, 'b | a:CircuitOpen')
check(
  'a tier that is out leaves it to the next',
  [['a'], ['b', 1, 1]],
  { obstacles: { a: 'Unhealthy' } },
  'b | a:Unhealthy',
)
check(
  'when none is well, all are asked',
  [['a'], ['b', 1, 1]],
  { obstacles: { a: 'CircuitOpen', b: 'Unhealthy' } },
  '!a b',
)
check('the only one is asked whatever its health', [['a']], { obstacles: { a: 'CircuitOpen' } }, '!a')
check(
  'a declared threshold panics sooner',
  [['a'], ['b'], ['c']],
  { panicPercent: 50, obstacles: { a: 'CircuitOpen', b: 'CircuitOpen' }, random: [0] },
  '!a b c',
)
check(
  'at the threshold there is no panic',
  [['a'], ['b']],
  { panicPercent: 50, obstacles: { a: 'CircuitOpen' } },
  'b | a:CircuitOpen',
)

check(
  'no panic makes a refused key good',
  [['a'], ['b']],
  { obstacles: { a: 'CircuitOpen', b: 'CredentialsSetAside' } },
  '!a | b:CredentialsSetAside',
)
check('a limit that was told holds', [['a'], ['b']], { obstacles: { a: 'RateLimited' } }, 'b | a:RateLimited')
check('a limit that we guess gives way', [['a']], { obstacles: { a: 'Throttled' } }, '!a')
check(
  'when all keys are out nobody is asked',
  [['a'], ['b']],
  { obstacles: { a: 'RateLimited', b: 'CredentialsSetAside' } },
  '| a:RateLimited b:CredentialsSetAside',
)

test('weights hold for the first place, and for the second among the rest', () => {
  const choice = choiceOf(
    [
      ['a', 6],
      ['b', 3],
      ['c', 1],
    ],
    {},
  )
  const random = seeded(7)
  const counts: Record<string, number> = {}
  for (let i = 0; i < 20_000; i++) {
    const order = plan(choice, { ...viewOf({}), random }).backends.map((one) => one.provider.id.slice(3))
    expect([...order].sort()).toEqual(['a', 'b', 'c'])
    const places = order.slice(0, 2).join('')
    counts[places] = (counts[places] ?? 0) + 1
  }
  const share = (places: string): number => (counts[places] ?? 0) / 20_000
  expect(share('ab')).toBeCloseTo(0.6 * 0.75, 1.7)
  expect(share('ba')).toBeCloseTo(0.3 * (6 / 7), 1.7)
  expect(share('cb')).toBeCloseTo(0.1 * (3 / 9), 1.7)
})
