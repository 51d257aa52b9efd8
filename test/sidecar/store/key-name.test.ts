import { expect, test } from '@jest/globals'
import type { LimitKeyConfig } from '../../../contract/limit-config.ts'
import { countName, presenceName } from '../../../sidecar/store/key-name.ts'
import { limitRow } from './sources.ts'

const IDENTITY = { pod: 'shop-1', workload: 'shop', namespace: 'ai' }

const NAMES: [per: LimitKeyConfig[], key: string, name: string | RegExp][] = [
  [[], '', '{route:ai/chat//limit}:Requests'],
  [[{ type: 'Namespace' }], '', '{route:ai/chat//limit|ai}:Requests'],
  [[{ type: 'Pod' }, { type: 'Workload' }], '', '{route:ai/chat//limit|ai/shop-1|ai/shop}:Requests'],
  [[{ type: 'Model' }], 'gpt-5-mini', '{route:ai/chat//limit|gpt-5-mini}:Requests'],
  [[{ type: 'Header', name: 'x-team' }], 'a}b', /^\{sha256:\w{40,64}\}:Requests$/],
  [[{ type: 'Header', name: 'x-team' }], 'a|b', /^\{sha256:\w{40,64}\}:Requests$/],
  [[{ type: 'Header', name: 'x-team' }], 'Gruß', /^\{sha256:\w{40,64}\}:Requests$/],
  [[{ type: 'Header', name: 'x-team' }], 'x'.repeat(500), /^\{sha256:\w{40,64}\}:Requests$/],
]

test.each(NAMES)('per %j with the value %j', (per, key, name) => {
  const row = limitRow({ what: 'Requests', limit: 1, windowMs: 60_000, per })
  const found = countName(row, key, IDENTITY)
  if (typeof name === 'string') expect(found).toBe(name)
  else expect(found).toMatch(name)
})

test('different values have different names, however they are joined', () => {
  const per: LimitKeyConfig[] = [{ type: 'Namespace' }, { type: 'Header', name: 'x-team' }]
  const row = limitRow({ what: 'Requests', limit: 1, windowMs: 60_000, per })
  const keys = ['a', 'a|b', 'b', 'a}', '{a', 'ä', 'A', ' a']
  const names = ['ai', 'ai|a'].flatMap((namespace) =>
    keys.map((key) => countName(row, key, { ...IDENTITY, namespace })),
  )
  expect(new Set(names).size).toBe(names.length)
})

test('sidecars meet where their counts do', () => {
  const other = { ...IDENTITY, pod: 'shop-2' }
  for (const scope of ['Workload', 'Namespace', 'Cluster'] as const) {
    expect(presenceName(scope, other)).toBe(presenceName(scope, IDENTITY))
  }
  expect(presenceName('Pod', other)).not.toBe(presenceName('Pod', IDENTITY))
})
