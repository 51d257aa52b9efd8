import { expect, test } from '@jest/globals'
import {
  parseAddress,
  parseArrivalTime,
  parseBytes,
  parseDuration,
  parseLabels,
  parseList,
} from '../../process/flag.ts'

const WRONG = Symbol('refused')

function check<T>(name: string, parse: (text: string) => T, cases: [text: string, expected: T | typeof WRONG][]): void {
  test.each(cases)(`${name} %j`, (text, expected) => {
    if (expected !== WRONG) expect(parse(text)).toEqual(expected)
    else expect(() => parse(text)).toThrow(/^expected .*"$/)
  })
}

check('address', parseAddress, [
  ['8787', { host: '127.0.0.1', port: 8787 }],
  [':8787', { host: '127.0.0.1', port: 8787 }],
  ['127.0.0.1:8787', { host: '127.0.0.1', port: 8787 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['0.0.0.0:65535', { host: '0.0.0.0', port: 65535 }],
  ['[::1]:8787', { host: '::1', port: 8787 }],
  ['llm-1.internal:80', { host: 'llm-1.internal', port: 80 }],
  ['', WRONG],
  ['localhost', WRONG],
  ['127.0.0.1', WRONG],
  ['localhost8787', WRONG],
  ['[::1]8787', WRONG],
  ['::1:8787', WRONG],
  ['localhost:65536', WRONG],
  ['localhost:-1', WRONG],
  ['a:b:1', WRONG],
  ['http://localhost:1', WRONG],
])

check('duration', parseDuration, [
  ['0s', 0],
  ['500ms', 500],
  ['1m30s', 90_000],
  ['24h', 86_400_000],
  ['1m1m', 120_000],
  ['', WRONG],
  ['5', WRONG],
  ['1.5s', WRONG],
  ['-1s', WRONG],
  ['1d', WRONG],
  // setTimeout would fire at once.
  ['25h', WRONG],
  ['99999999999s', WRONG],
])

check('arrival time', parseArrivalTime, [
  ['1s', 1000],
  ['1000ms', 1000],
  ['5m', 300_000],
  ['0s', WRONG],
  ['999ms', WRONG],
  ['25h', WRONG],
  ['', WRONG],
])

check('size', parseBytes, [
  ['0', 0],
  ['1000', 1000],
  ['32KiB', 32768],
  ['64MiB', 67_108_864],
  ['1GiB', 1_073_741_824],
  ['', WRONG],
  ['1KB', WRONG],
  ['1.5MiB', WRONG],
  ['MiB', WRONG],
])

check('list', parseList, [
  ['', []],
  ['a', ['a']],
  [' a , b ,', ['a', 'b']],
])

check<object>('labels', parseLabels, [
  ['', {}],
  ['app=shop', { app: 'shop' }],
  ['a.b/c=d, e=', { 'a.b/c': 'd', e: '' }],
  ['a=b=c', { a: 'b=c' }],
  ['app', WRONG],
  ['=x', WRONG],
])
