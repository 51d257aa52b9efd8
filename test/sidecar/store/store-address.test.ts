import { inspect } from 'node:util'
import { expect, test } from '@jest/globals'
import { SIDECAR_FLAGS } from '../../../sidecar/settings.ts'
import { describeStore, parseStore, parseStoreAddress } from '../../../sidecar/store/store-address.ts'

const ACCEPTED: [text: string, described: string, expected: object][] = [
  ['redis://cache', 'Standalone cache:6379', { database: 0, credentials: undefined, keyPrefix: 'outrigger:' }],
  ['redis://10.0.0.1:7000/3', 'Standalone 10.0.0.1:7000', { database: 3, tls: false }],
  ['redis://[::1]:7000', 'Standalone ::1:7000', {}],
  ['rediss://cache?ca=%2Fetc%2Fca.crt', 'Standalone over TLS cache:6379', { tls: true, caFile: '/etc/ca.crt' }],
  ['redis://cache?prefix=staging:', 'Standalone cache:6379', { keyPrefix: 'staging:' }],
  ['redis+sentinel://a,b:26380/shop', 'Sentinel a:26379,b:26380 shop', { primary: 'shop', database: 0 }],
  ['redis+sentinel://a/shop/2', 'Sentinel a:26379 shop', { primary: 'shop', database: 2 }],
  ['rediss+cluster://a:1,b:2', 'Cluster over TLS a:1,b:2', { topology: 'Cluster', tls: true }],
]

test.each(ACCEPTED)('%s is a store', (text, described, expected) => {
  const address = parseStoreAddress(text)
  expect(address).toMatchObject(expected)
  expect(describeStore(address)).toBe(described)
  expect(parseStore(text)).toEqual(address)
})

test('no text is no store', () => {
  expect(parseStore('')).toBeUndefined()
})

test.each([
  ['file:/etc/outrigger/store-url', '/etc/outrigger/store-url'],
  ['file:///run/secrets/store', '/run/secrets/store'],
  ['file:store.url', 'store.url'],
])('%s is a file that holds the URL', (text, file) => {
  expect(parseStore(text)).toEqual({ file })
})

test('users and passwords are read, percent-encoded, and are not shown by any way of printing', () => {
  const url = 'redis+sentinel://me:p%40ss@a/shop?sentinelUser=you&sentinelPassword=w%2Frd'
  const address = parseStoreAddress(url)
  expect(address.credentials?.user).toBe('me')
  expect(address.credentials?.password.reveal()).toBe('p@ss')
  expect(address.sentinelCredentials?.password.reveal()).toBe('w/rd')
  const shown = [JSON.stringify(address), inspect(address, { depth: 9 }), describeStore(address)].join()
  for (const secret of ['p@ss', 'p%40ss', 'w/rd', 'w%2Frd']) expect(shown).not.toContain(secret)
})

const REFUSED: [text: string, message: RegExp][] = [
  ['http://:secret@cache', /begins with redis:/],
  ['cache:6379', /begins with redis:/],
  ['redis://:sec@ret@cache', /%XX/],
  ['redis://secret@cache', /USER:PASSWORD@/],
  ['redis://secret:@cache', /USER:PASSWORD@/],
  ['redis://:secret@', /expected a host/],
  ['redis://:secret@a,b', /expected one host/],
  ['redis://:secret@a b', /HOST:PORT/],
  ['redis://:secret@a:99999', /HOST:PORT/],
  ['redis://:secret%@cache', /%XX/],
  ['redis://:secret@cache/db', /number of a database/],
  ['redis://:secret@cache/1/2', /number of a database/],
  ['redis+sentinel://:secret@a', /name of the primary/],
  ['redis+cluster://:secret@a/1', /no database/],
  ['redis://cache?password=secret', /expected only ca, cert/],
  ['', /begins with redis:/],
  ['file:secret', /begins with redis:/],
]

test.each(REFUSED)('%s is refused, and the message repeats no part of it', (text, message) => {
  expect(() => parseStoreAddress(text)).toThrow(message)
  try {
    SIDECAR_FLAGS.store.parse(text)
  } catch (error) {
    expect((error as Error).message).not.toMatch(/secret|sec@ret/)
  }
})

test('the time to wait is bounded, and the policy is one of three', () => {
  const { storeTimeout, onStoreFailure } = SIDECAR_FLAGS
  expect([storeTimeout.parse('1ms'), storeTimeout.parse('1s')]).toEqual([1, 1000])
  for (const text of ['0ms', '2s']) expect(() => storeTimeout.parse(text)).toThrow('from 1ms to 1s')
  expect(['local-share', 'allow', 'deny'].map(onStoreFailure.parse)).toEqual(['LocalShare', 'Allow', 'Deny'])
  expect(() => onStoreFailure.parse('ignore')).toThrow('expected one of')
})
