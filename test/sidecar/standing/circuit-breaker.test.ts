// Stories in words, and all that can be seen of them: changes of state, and what was not let through as usual.
//   ok fail none    one request that ends so, `none` saying nothing about the provider; `fail*5` five of them
//   +15s            time passes
//   a b             a request begins and is under way
//   a!              it goes whatever the state
//   a:ok a:fail …   it ends
import { expect, test } from '@jest/globals'
import type { CircuitBreakerConfig } from '../../../contract/sidecar-config.ts'
import {
  CircuitBreaker,
  type CircuitState,
  type Permit,
  settledPermit,
  type Verdict,
} from '../../../sidecar/standing/circuit-breaker.ts'
import { CIRCUIT_BREAKER } from '../../support/sidecar-config.ts'

const VERDICTS: Readonly<Record<string, Verdict>> = { ok: 'Success', fail: 'Failure', none: 'Neutral' }

const noJitter = () => 0

function tell(story: string, config: Partial<CircuitBreakerConfig>): string[] {
  const seen: string[] = []
  const breaker = new CircuitBreaker({ ...CIRCUIT_BREAKER, ...config }, noJitter, (from, to, why) => {
    seen.push(`${from} > ${to}: ${why}`)
  })
  const permits = new Map<string, Permit>()
  let nowMs = 1_000_000
  const take = (name: string): void => {
    const forced = name.endsWith('!')
    const admitted = breaker.admits(nowMs)
    const permit = forced ? breaker.force(nowMs) : breaker.enter(nowMs)
    // What is told beforehand is what happens.
    if (!forced) expect(permit !== undefined).toBe(admitted)
    if (permit?.kind !== 'Closed') seen.push(`${name} ${permit?.kind ?? 'refused'}`)
    if (permit !== undefined) permits.set(name.replace('!', ''), permit)
  }
  for (const word of story.split(/\s+/)) {
    const [name = '', end = ''] = word.split(':')
    const [verdict = '', times = '1'] = word.split('*')
    if (word.startsWith('+')) nowMs += 1000 * Number.parseFloat(word)
    else if (end !== '') breaker.settle(permits.get(name) as Permit, VERDICTS[end] as Verdict, nowMs)
    else if (VERDICTS[verdict] === undefined) take(name)
    else {
      for (let i = 0; i < Number(times); i++) {
        breaker.settle(breaker.enter(nowMs) as Permit, VERDICTS[verdict], nowMs)
      }
    }
  }
  return [...seen, breaker.state(nowMs)]
}

function check(name: string, story: string, expected: string[], config: Partial<CircuitBreakerConfig> = {}): void {
  test(name, () => expect(tell(story, config)).toEqual(expected))
}

const OPENED = 'Closed > Open: 5 failures in a row'
const HALF_OPENED = 'Open > HalfOpen: it was open long enough'
const PROBE_FAILED = 'HalfOpen > Open: a probe failed'
const PROBE_SUCCEEDED = 'HalfOpen > Closed: a probe succeeded'

check('opens after so many failures in a row, and lets nobody in', 'fail*5 a', [OPENED, 'a refused', 'Open'])
check('a success begins the row anew', 'fail*4 ok fail*4', ['Closed'])
check('what says nothing neither lengthens nor ends the row', 'fail*4 none*9 fail', [OPENED, 'Open'])
check('a row is one however slow it comes', 'fail +1000s fail +1000s fail +1000s fail +1000s fail', [OPENED, 'Open'])
check('failures in a row can be left out of account', 'fail*15', ['Closed'], { consecutiveFailures: 0 })
check('one failure can be enough', 'fail', ['Closed > Open: a request failed', 'Open'], { consecutiveFailures: 1 })

check(
  'opens when the share of failures in the window is reached, with the request that makes it so',
  'ok*2 fail*2 ok*2 fail*2 ok*2 fail*2 ok*2 fail*2 ok*2 fail*2',
  ['Closed > Open: 10 of 20 requests failed within 30 s', 'Open'],
)
check('fewer requests than the minimum are no share', 'ok*2 fail*4 ok*2 fail*4 ok*2 fail*4 ok', ['Closed'])
check('what says nothing is no request of the window', 'ok*2 fail*4 ok*2 fail*4 ok*2 fail*4 ok none*9 fail', [
  'Closed > Open: 13 of 20 requests failed within 30 s',
  'Open',
])
check(
  'never opens with a request that succeeded: the failures are the past then',
  'fail*4 ok*2 fail*4 ok*2 fail*4 ok*4',
  ['Closed'],
)
check('what is older than the window is forgotten', 'fail*4 ok fail*4 ok +31s ok*5 fail*4 ok +31s fail*4 ok*15 fail', [
  'Closed',
])
check('and nothing younger than nine tenths of it', 'fail*4 ok fail*4 ok +27s ok*5 fail*4 ok fail', [
  'Closed > Open: 13 of 21 requests failed within 30 s',
  'Open',
])
check('the share can be left out of account', 'fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4', ['Closed'], {
  errorPercent: 0,
})

check('stays open for its time', 'fail*5 +14.999s a', [OPENED, 'a refused', 'Open'])
check('then says so before anybody notices', 'fail*5 +15s', [OPENED, 'HalfOpen'])
check('then lets one probe go at a time', 'fail*5 +15s a b', [OPENED, HALF_OPENED, 'a Probe', 'b refused', 'HalfOpen'])
check('closes with a probe that succeeds', 'fail*5 +15s a a:ok b', [
  OPENED,
  HALF_OPENED,
  'a Probe',
  PROBE_SUCCEEDED,
  'Closed',
])
check('a probe that says nothing gives its place back', 'fail*5 +15s a a:none b c', [
  OPENED,
  HALF_OPENED,
  'a Probe',
  'b Probe',
  'c refused',
  'HalfOpen',
])
check(
  'each probe that fails doubles the time, up to ten times',
  'fail*5 +15s a a:fail +29s b +1s b b:fail +60s c c:fail +120s d d:fail +149s e +1s e e:fail +149s f +1s f',
  [
    OPENED,
    ...[HALF_OPENED, 'a Probe', PROBE_FAILED, 'b refused'],
    ...[HALF_OPENED, 'b Probe', PROBE_FAILED],
    ...[HALF_OPENED, 'c Probe', PROBE_FAILED],
    ...[HALF_OPENED, 'd Probe', PROBE_FAILED, 'e refused'],
    ...[HALF_OPENED, 'e Probe', PROBE_FAILED, 'f refused'],
    ...[HALF_OPENED, 'f Probe', 'HalfOpen'],
  ],
)
check('once closed, the time is the first again', 'fail*5 +15s a a:fail +30s b b:ok fail*5 +15s c', [
  OPENED,
  ...[HALF_OPENED, 'a Probe', PROBE_FAILED],
  ...[HALF_OPENED, 'b Probe', PROBE_SUCCEEDED],
  OPENED,
  ...[HALF_OPENED, 'c Probe', 'HalfOpen'],
])
check('once closed, what was before it opened is forgotten', 'ok*30 fail*5 +15s a a:ok fail*4 ok*16', [
  OPENED,
  HALF_OPENED,
  'a Probe',
  PROBE_SUCCEEDED,
  'Closed',
])

const PROBES = { probes: 3 }
check(
  'several probes go at a time, and as many successes close it',
  'fail*5 +15s a b c d a:ok e f b:ok c:ok',
  [
    OPENED,
    HALF_OPENED,
    ...['a Probe', 'b Probe', 'c Probe', 'd refused', 'e Probe', 'f refused'],
    'HalfOpen > Closed: a probe succeeded, the last of 3',
    'Closed',
  ],
  PROBES,
)
check(
  'one failure among them is enough, and the others change nothing any more',
  'fail*5 +15s a b c a:ok b:fail c:ok',
  [OPENED, HALF_OPENED, 'a Probe', 'b Probe', 'c Probe', PROBE_FAILED, 'Open'],
  PROBES,
)
check(
  'successes count from when it opened last',
  'fail*5 +15s a b c a:ok b:ok c:fail +30s d d:ok',
  [OPENED, HALF_OPENED, 'a Probe', 'b Probe', 'c Probe', PROBE_FAILED, HALF_OPENED, 'd Probe', 'HalfOpen'],
  PROBES,
)
check(
  'probes of before that are still under way hold their places',
  'fail*5 +15s a b c a:fail +30s d e b:none f',
  [
    OPENED,
    HALF_OPENED,
    'a Probe',
    'b Probe',
    'c Probe',
    PROBE_FAILED,
    HALF_OPENED,
    'd Probe',
    'e refused',
    'f Probe',
    'HalfOpen',
  ],
  PROBES,
)

check('what began before it opened changes nothing when it is open', 'a b fail*5 a:ok b:fail +15s c', [
  OPENED,
  HALF_OPENED,
  'c Probe',
  'HalfOpen',
])
check('nor when it is half-open', 'a b fail*5 +15s c a:ok b:fail', [OPENED, HALF_OPENED, 'c Probe', 'HalfOpen'])
check('nor when it has closed again', 'a b c d e fail*5 +15s f f:ok a:fail b:fail c:fail d:fail e:fail', [
  OPENED,
  HALF_OPENED,
  'f Probe',
  PROBE_SUCCEEDED,
  'Closed',
])

const SENT = 'a request that was sent all the same succeeded'
check('in need a request goes through an open one, and its success closes it', 'fail*5 a! a:ok', [
  OPENED,
  'a! Forced',
  `Open > Closed: ${SENT}`,
  'Closed',
])
check(
  'where two probes are asked for, it is the first of them',
  'fail*5 a! a:ok b b:ok',
  [
    OPENED,
    'a! Forced',
    `Open > HalfOpen: ${SENT}`,
    'b Probe',
    'HalfOpen > Closed: a probe succeeded, the last of 2',
    'Closed',
  ],
  { probes: 2 },
)
check('its failure is no news', 'fail*5 a! a:fail +15s b', [OPENED, 'a! Forced', HALF_OPENED, 'b Probe', 'HalfOpen'])
check('it takes the place of a probe where there is one, and decides as one', 'fail*5 +15s a! b! b:fail a:fail', [
  OPENED,
  HALF_OPENED,
  'a! Probe',
  'b! Forced',
  PROBE_FAILED,
  'Open',
])
check('what was forced before it opened again is not believed', 'fail*5 a! +15s b b:fail a:ok', [
  OPENED,
  'a! Forced',
  HALF_OPENED,
  'b Probe',
  PROBE_FAILED,
  'Open',
])
check('through a closed one it goes like any other', 'a! a:fail fail*4', [OPENED, 'Open'])

test('the failure of a probe that was a success before counts like that of any request', () => {
  const seen: CircuitState[] = []
  const touchy = { ...CIRCUIT_BREAKER, consecutiveFailures: 1 }
  const breaker = new CircuitBreaker(touchy, noJitter, (_from, to) => seen.push(to))
  breaker.settle(breaker.enter(0) as Permit, 'Failure', 0)
  const probe = breaker.enter(15_000) as Permit
  breaker.settle(probe, 'Success', 15_000)
  breaker.settle(settledPermit(probe), 'Failure', 16_000)
  expect(seen).toEqual(['Open', 'HalfOpen', 'Closed', 'Open'])
  expect(breaker.openUntilMs).toBe(31_000)
})

test('new limits hold from then on, and the state stays', () => {
  const seen: string[] = []
  const breaker = new CircuitBreaker(CIRCUIT_BREAKER, noJitter, (_from, to, why) => seen.push(`${to}: ${why}`))
  const fail = (nowMs: number): void => breaker.settle(breaker.enter(nowMs) as Permit, 'Failure', nowMs)
  for (let i = 0; i < 4; i++) fail(0)
  breaker.configure({ ...CIRCUIT_BREAKER, consecutiveFailures: 6, windowMs: 60_000, openForMs: 1000 })
  fail(0)
  expect(breaker.failuresInRow).toBe(5)
  fail(0)
  breaker.configure(CIRCUIT_BREAKER)
  expect([breaker.state(999), breaker.state(1000)]).toEqual(['Open', 'HalfOpen'])
  fail(1000)
  expect(breaker.openUntilMs).toBe(31_000)
  expect(seen).toEqual(['Open: 6 failures in a row', 'HalfOpen: it was open long enough', 'Open: a probe failed'])
})

test('it is open for up to a tenth longer than it says, so that the probes of many do not come at once', () => {
  const openUntilMs = (random: number): number[] => {
    const touchy = { ...CIRCUIT_BREAKER, consecutiveFailures: 1 }
    const breaker = new CircuitBreaker(
      touchy,
      () => random,
      () => {},
    )
    return [0, 20_000].map((nowMs) => {
      breaker.settle(breaker.enter(nowMs) as Permit, 'Failure', nowMs)
      return breaker.openUntilMs as number
    })
  }
  expect([0, 0.5, 1].map(openUntilMs)).toEqual([
    [15_000, 50_000],
    [15_750, 51_500],
    [16_500, 53_000],
  ])
})
