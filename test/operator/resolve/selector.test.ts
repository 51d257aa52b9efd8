import { expect, test } from '@jest/globals'
import type { LLMProviderAccessNamespaces } from '../../../operator/api/llm-provider.ts'
import { admitsNamespace, selectorConfig } from '../../../operator/resolve/selector.ts'
import { llmProvider } from '../../support/resources.ts'

const shop = { name: 'shop', labels: { ai: 'allowed', team: 'search' } }

function check(name: string, namespaces: LLMProviderAccessNamespaces, expected: boolean, provider = 'ai/openai'): void {
  test(name, () => {
    expect(admitsNamespace(llmProvider(provider, { access: { namespaces } }), shop)).toBe(expected)
  })
}

check('Same refuses another namespace', { from: 'Same' }, false)
check('Same admits the own namespace', { from: 'Same' }, true, 'shop/openai')
check('All admits every namespace', { from: 'All' }, true)
check(
  'Selector admits a namespace with the labels',
  { from: 'Selector', selector: { matchLabels: { ai: 'allowed' } } },
  true,
)
check('Selector refuses a namespace without them', { from: 'Selector', selector: { matchLabels: { ai: 'no' } } }, false)
check(
  'Selector admits the own namespace whatever its labels',
  { from: 'Selector', selector: { matchLabels: { ai: 'no' } } },
  true,
  'shop/openai',
)
check(
  'Selector holds its expressions against the labels',
  { from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['search'] }] } },
  false,
)
check('an empty selector admits every namespace', { from: 'Selector', selector: {} }, true)
check('Selector without a selector admits nobody else', { from: 'Selector' }, false)

test('a selector has every part and its labels in one order', () => {
  const config = selectorConfig({
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [{ key: 'c', operator: 'Exists' }],
  })
  expect(JSON.stringify(config)).toBe(
    '{"matchLabels":{"a":"1","b":"2"},"matchExpressions":[{"key":"c","operator":"Exists","values":[]}]}',
  )
})

test('an absent selector selects everything', () => {
  expect(selectorConfig()).toEqual({ matchLabels: {}, matchExpressions: [] })
})
