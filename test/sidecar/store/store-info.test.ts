// What is read from a store's INFO.
import { expect, test } from '@jest/globals'
import { evictionPolicyOf, isLoading } from '../../../sidecar/store/store-info.ts'

function memory(maxmemory: string, policy: string): string {
  const lines = [
    '# Memory',
    'used_memory:1',
    `maxmemory:${maxmemory}`,
    'maxmemory_human:0B',
    `maxmemory_policy:${policy}`,
  ]
  return `${lines.join('\r\n')}\r\n`
}

test.each([
  ['100', 'allkeys-lru', 'allkeys-lru'],
  ['100', 'volatile-ttl', 'volatile-ttl'],
  ['100', 'noeviction', undefined],
  ['0', 'allkeys-lru', undefined],
  ['0', 'noeviction', undefined],
])('with maxmemory %s and the policy %s, keys are evicted by %s', (maxmemory, policy, expected) => {
  expect(evictionPolicyOf(memory(maxmemory, policy))).toBe(expected)
})

test('a store that hides its maxmemory is taken by its policy, and one that tells nothing is trusted', () => {
  expect(evictionPolicyOf('maxmemory_policy:allkeys-lfu\r\n')).toBe('allkeys-lfu')
  expect(evictionPolicyOf('')).toBe(undefined)
})

test('a store that loads its data says so', () => {
  expect(isLoading('# Persistence\r\nloading:1\r\nasync_loading:0\r\n')).toBe(true)
  expect(isLoading('# Persistence\r\nloading:0\r\nasync_loading:1\r\n')).toBe(false)
  expect(isLoading('')).toBe(false)
})
