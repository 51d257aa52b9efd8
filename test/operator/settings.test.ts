import { expect, test } from '@jest/globals'
import { OPERATOR_FLAGS } from '../../operator/settings.ts'

test.each([
  ['', undefined],
  ['redis/url', { name: 'redis', key: 'url' }],
  ['redis.prod/REDIS_URL', { name: 'redis.prod', key: 'REDIS_URL' }],
])('--store-secret %s is read', (text, expected) => {
  expect(OPERATOR_FLAGS.storeSecret.parse(text)).toEqual(expected)
})

test.each(['redis', 'redis/', '/url', 'redis/url/x', 'redis/u rl', 'Redis/url'])(
  '--store-secret %s is refused',
  (text) => {
    expect(() => OPERATOR_FLAGS.storeSecret.parse(text)).toThrow(/^expected/)
  },
)
