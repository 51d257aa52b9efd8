// What admission refuses may still be stored: an object can be older than the rule that refuses it. The golden cases cannot
// show that, since they are admitted.
import { expect, test } from '@jest/globals'
import { parseSidecarConfig } from '../../../contract/parse.ts'
import type { LLMProviderSpec } from '../../../operator/api/llm-provider.ts'
import type { LLMRouteRule } from '../../../operator/api/llm-route.ts'
import { type Compiled, compile } from '../../../operator/compile/compile.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

function compiled(spec: Partial<LLMProviderSpec>, rules: LLMRouteRule[]): Compiled {
  const providers = [llmProvider('shop/openai', spec), llmProvider('shop/sound')]
  const snapshot = { providers, routes: [llmRoute('shop/chat', rules)], secrets: [], namespaces: [] }
  return compile(resolve(snapshot, 'shop'))
}

function problemsOf({ problems }: Compiled): string[] {
  return problems.map(({ object, field, reason }) => `${object.kind} ${field} ${reason}`)
}

function checkProvider(name: string, spec: Partial<LLMProviderSpec>, field: string): void {
  test(`${name} takes the provider out`, () => {
    const result = compiled(spec, [ruleTo('openai', 'sound')])
    expect(problemsOf(result)).toEqual([
      `LLMProvider ${field} InvalidField`,
      'LLMProvider spec ProviderUnusable',
      'LLMRoute spec.rules[0].backends[0].provider ProviderUnusable',
    ])
    expect(result.config.providers.map(({ id }) => id)).toEqual(['shop/sound'])
    expect(parseSidecarConfig(JSON.stringify(result.config))).toEqual({ config: result.config })
  })
}

const timeouts = { connect: '5s', firstByte: '120s', idle: '60s', total: '15m' }

checkProvider('a type without its member', { type: 'Gemini' }, 'spec.type')
checkProvider('a timeout of 0', { timeouts: { ...timeouts, connect: '0s' } }, 'spec.timeouts.connect')
checkProvider('a timeout that is no duration', { timeouts: { ...timeouts, total: 'never' } }, 'spec.timeouts.total')
checkProvider('an idle time that is no duration', { connections: { max: 1, idle: '' } }, 'spec.connections.idle')
checkProvider(
  'a price that is no number',
  { models: [{ name: 'm', price: { inputPerMillion: 'free', outputPerMillion: '1' } }] },
  'spec.models[0].price.inputPerMillion',
)
checkProvider('a proxy that is not http://host:port', { egressProxy: { url: 'proxy' } }, 'spec.egressProxy.url')

test('a timeout of a rule that is no duration makes that rule unavailable, and no other', () => {
  const result = compiled({}, [
    { ...ruleTo('openai'), timeouts: { connect: '1s', idle: 'never' } },
    { ...ruleTo('openai'), name: 'next' },
  ])
  expect(problemsOf(result)).toEqual([
    'LLMRoute spec.rules[0].timeouts.idle InvalidField',
    'LLMRoute spec.rules[0].backends RuleUnavailable',
  ])
  expect(result.config.routes[0]?.rules.map(({ backends, unavailable }) => ({ backends, unavailable }))).toEqual([
    { backends: [], unavailable: 'spec.rules[0].timeouts.idle: InvalidField' },
    { backends: [{ provider: 'shop/openai', weight: 1 }] },
  ])
  expect(parseSidecarConfig(JSON.stringify(result.config))).toEqual({ config: result.config })
})
