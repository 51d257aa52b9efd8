import { format, inspect } from 'node:util'
import { expect, test } from '@jest/globals'
import { SecretValue } from '../../contract/secret.ts'

const SECRET = new SecretValue('sk-123')

const WAYS_OUT: [name: string, print: (secret: SecretValue) => string][] = [
  ['JSON.stringify', (secret) => JSON.stringify({ secret })],
  ['a template string', (secret) => `${secret}`],
  ['concatenation', (secret) => `key ${secret}`],
  ['String()', String],
  ['util.inspect', (secret) => inspect({ secret }, { showHidden: true, depth: 9 })],
  ['console.log', (secret) => format('%s %o %O %j', secret, secret, secret, secret)],
  ['an error', (secret) => inspect(new Error(`failed with ${secret}`, { cause: secret }))],
]

test.each(WAYS_OUT)('%s shows that there is a secret, and not which', (_, print) => {
  expect(print(SECRET)).toContain('[redacted]')
  expect(print(SECRET)).not.toContain('sk-123')
})

test('enumeration, copying and inspection without custom functions show nothing', () => {
  expect(Object.entries(SECRET)).toEqual([])
  expect(inspect(SECRET, { customInspect: false, showHidden: true })).not.toContain('sk-123')
  expect(inspect({ ...SECRET })).not.toContain('sk-123')
  expect(inspect(structuredClone(SECRET))).not.toContain('sk-123')
})

test('reveal gives the secret', () => {
  expect(SECRET.reveal()).toBe('sk-123')
})
