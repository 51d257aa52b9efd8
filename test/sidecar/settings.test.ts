import { expect, test } from '@jest/globals'
import { SIDECAR_FLAGS } from '../../sidecar/settings.ts'

test.each(['headersTimeout', 'requestTimeout'] as const)('%s cannot be switched off', (name) => {
  expect(() => SIDECAR_FLAGS[name].parse('0s')).toThrow('expected at least 1s, not "0s"')
})

test.each(['connectionsMax', 'requestsMax'] as const)('%s is a whole number that lets somebody in', (name) => {
  expect(SIDECAR_FLAGS[name].parse('1')).toBe(1)
  for (const text of ['0', '-1', '1.5', '1k', '', '1000000']) {
    expect(() => SIDECAR_FLAGS[name].parse(text)).toThrow(`expected a whole number from 1 to 999999, not "${text}"`)
  }
})

test('a pod and its workload are names, the workload after its kind', () => {
  expect(SIDECAR_FLAGS.workload.parse('Deployment/shop')).toBe('Deployment/shop')
  expect(SIDECAR_FLAGS.pod.parse('shop-7c9d8b6f5-x2x4z')).toBe('shop-7c9d8b6f5-x2x4z')
  for (const text of ['a b', 'a/b/c', '"', 'a\n'])
    expect(() => SIDECAR_FLAGS.workload.parse(text)).toThrow('expected names of letters, digits, - and .')
})

test('shares of limits are the whole limit, or assigned', () => {
  expect(SIDECAR_FLAGS.limitShares.parse('assigned')).toBe('assigned')
  expect(() => SIDECAR_FLAGS.limitShares.parse('half')).toThrow('expected one of whole, assigned, not "half"')
})
