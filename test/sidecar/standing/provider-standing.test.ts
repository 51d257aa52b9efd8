import { beforeEach, expect, test } from '@jest/globals'
import type { HealthCheckConfig } from '../../../contract/sidecar-config.ts'
import {
  type AttemptPermit,
  ProviderStanding,
  type StandingConfig,
} from '../../../sidecar/standing/provider-standing.ts'
import { CIRCUIT_BREAKER, RETRY_BUDGET } from '../../support/sidecar-config.ts'

const HEALTH_CHECK: HealthCheckConfig = {
  path: '/models',
  intervalMs: 30_000,
  timeoutMs: 5000,
  unhealthyThreshold: 3,
  healthyThreshold: 1,
}
const CONFIG: StandingConfig = {
  id: 'ai/openai',
  circuitBreaker: { ...CIRCUIT_BREAKER, consecutiveFailures: 2 },
  retryBudget: RETRY_BUDGET,
  healthCheck: HEALTH_CHECK,
}

let told: object[]
let standing: ProviderStanding

beforeEach(() => {
  told = []
  standing = new ProviderStanding(CONFIG, () => 0, {
    onCircuit: (change) => told.push(change),
    onHealth: (change) => told.push(change),
  })
})

function begin(nowMs: number, mode: 'Healthy' | 'Panic' = 'Healthy'): AttemptPermit {
  const permit = standing.begin('Chat', mode, nowMs)
  if (permit === undefined) throw new Error('refused')
  return permit
}

function fail(times: number, nowMs: number): void {
  for (let i = 0; i < times; i++) standing.end(begin(nowMs), 'Failure', nowMs)
}

test('a circuit belongs to one operation', () => {
  fail(2, 1000)
  expect(standing.blocked('Chat', 1000)).toBe('CircuitOpen')
  expect(standing.begin('Chat', 'Healthy', 1000)).toBeUndefined()
  expect(standing.openUntilMs('Chat')).toBe(16_000)
  expect([standing.blocked('Embeddings', 1000), standing.openUntilMs('Embeddings')]).toEqual([undefined, undefined])
  expect([standing.circuit('Chat', 1000), standing.circuit('Chat', 16_000), standing.circuit('Other', 0)]).toEqual([
    'Open',
    'HalfOpen',
    'Closed',
  ])
  expect(told).toEqual([{ operation: 'Chat', from: 'Closed', to: 'Open', why: '2 failures in a row' }])
})

test('attempts are in flight from their beginning to their end, which comes once', () => {
  const [first, second] = [begin(0), begin(0)]
  expect(standing.inFlight).toBe(2)
  standing.end(first, 'Neutral', 1)
  standing.end(first, 'Failure', 2)
  standing.end(first, 'Failure', 3)
  expect([standing.inFlight, standing.circuit('Chat', 3)]).toEqual([1, 'Closed'])
  standing.firstByte(first, 5, 4)
  standing.end(second, 'Success', 4)
  expect(standing.inFlight).toBe(0)
})

test('an attempt that was not let in is not in flight', () => {
  fail(2, 0)
  standing.begin('Chat', 'Healthy', 0)
  standing.setHealth('Unhealthy', 'x', 0)
  standing.begin('Embeddings', 'Healthy', 0)
  expect(standing.inFlight).toBe(0)
})

test('a first attempt adds to the share of retries, another one for the same request does not', () => {
  standing.configure({ ...CONFIG, retryBudget: { percent: 100, minPerSecond: 0 } })
  standing.end(begin(0), 'Neutral', 0)
  expect([standing.retryBudget.tryTake(0), standing.retryBudget.tryTake(0)]).toEqual([true, false])
  const again = standing.begin('Chat', 'Healthy', 0, 'Again')
  standing.end(again as AttemptPermit, 'Neutral', 0)
  expect(standing.retryBudget.tryTake(0)).toBe(false)
  expect(standing.report(0).retriesDenied).toBe(2)
})

test('the first byte of a probe closes the circuit, and what fails later counts like any failure', () => {
  fail(2, 0)
  const probe = begin(15_000)
  standing.firstByte(probe, 700, 15_700)
  expect(standing.circuit('Chat', 15_700)).toBe('Closed')
  standing.end(probe, 'Failure', 60_000)
  expect([standing.inFlight, standing.circuit('Chat', 60_000)]).toEqual([0, 'Closed'])
  fail(1, 60_000)
  expect(standing.circuit('Chat', 60_000)).toBe('Open')
})

test('a probe whose success was its first byte is no second success when it ends', () => {
  fail(2, 0)
  const probe = begin(15_000)
  standing.firstByte(probe, 700, 15_700)
  fail(1, 16_000)
  standing.end(probe, 'Success', 17_000)
  fail(1, 18_000)
  expect(standing.circuit('Chat', 18_000)).toBe('Open')
})

test('the first byte of a request in panic counts like that of a probe', () => {
  standing.configure({ ...CONFIG, circuitBreaker: { ...CONFIG.circuitBreaker, probes: 2 } })
  fail(2, 0)
  const [first, second] = [begin(0, 'Panic'), begin(0, 'Panic')]
  standing.firstByte(first, 5, 5)
  standing.end(first, 'Success', 6)
  expect(standing.circuit('Chat', 6)).toBe('HalfOpen')
  standing.firstByte(second, 5, 7)
  expect(standing.circuit('Chat', 7)).toBe('Closed')
})

test('the first byte of an ordinary request decides nothing: its end does', () => {
  for (const nowMs of [0, 1]) {
    const attempt = begin(nowMs)
    standing.firstByte(attempt, 5, nowMs)
    standing.end(attempt, 'Failure', nowMs)
  }
  expect(standing.circuit('Chat', 1)).toBe('Open')
})

test('the time to the first byte is that of answers, and at least that of waiting in vain', () => {
  const quick = begin(0)
  standing.firstByte(quick, 400, 400)
  standing.firstByte(quick, 90_000, 400)
  standing.gaveUp(quick, 5000)
  standing.end(quick, 'Success', 5000)
  expect(standing.timeToFirstByteMs('Chat', 400)).toBe(400)
  const given = [begin(400), begin(401)] as const
  standing.gaveUp(given[0], 401)
  expect(standing.timeToFirstByteMs('Chat', 401)).toBeCloseTo(400, 0)
  standing.gaveUp(given[1], 10_401)
  expect(standing.timeToFirstByteMs('Chat', 10_401)).toBe(10_000)
})

test('what failed at once was not fast, and what failed late was not slow', () => {
  standing.end(begin(0), 'Failure', 1)
  standing.end(begin(0), 'Neutral', 9000)
  expect(standing.timeToFirstByteMs('Chat', 9000)).toBe(0)
})

test('the time to the first byte is of one operation', () => {
  standing.firstByte(begin(0), 9000, 9000)
  standing.firstByte(standing.begin('Embeddings', 'Healthy', 9000) as AttemptPermit, 40, 9000)
  const times = (['Chat', 'Embeddings', 'Images'] as const).map((one) => standing.timeToFirstByteMs(one, 9000))
  expect(times).toEqual([9000, 40, 0])
})

test('an unhealthy provider is left alone for every operation, but in panic', () => {
  standing.setHealth('Unhealthy', '3 checks failed in a row', 1000)
  expect([standing.blocked('Chat', 1000), standing.blocked('Audio', 1000)]).toEqual(['Unhealthy', 'Unhealthy'])
  expect(standing.begin('Chat', 'Healthy', 1000)).toBeUndefined()
  const forced = begin(1000, 'Panic')
  standing.firstByte(forced, 5, 1005)
  standing.end(forced, 'Success', 1006)
  // Only a check ends it.
  expect(standing.blocked('Chat', 1006)).toBe('Unhealthy')
  standing.setHealth('Healthy', 'a check passed with 200', 2000)
  expect(standing.blocked('Chat', 2000)).toBeUndefined()
})

test('health is told when it changes, and not when it is what everybody thought', () => {
  standing.setHealth('Healthy', 'a', 0)
  standing.setHealth('Healthy', 'b', 1)
  standing.setHealth('Unhealthy', 'c', 2)
  standing.setHealth('Unhealthy', 'd', 3)
  expect(standing.report(10).health).toEqual({ state: 'Unhealthy', forMs: 8, why: 'd' })
  standing.setHealth('Healthy', 'e', 4)
  expect(told).toEqual([
    { healthy: 'Unhealthy', why: 'c' },
    { healthy: 'Healthy', why: 'e' },
  ])
})

test('without a check its last result says nothing any more', () => {
  standing.setHealth('Unhealthy', 'x', 0)
  standing.configure(CONFIG)
  expect(standing.blocked('Chat', 0)).toBe('Unhealthy')
  const { healthCheck: _, ...unchecked } = CONFIG
  standing.configure(unchecked)
  expect([standing.blocked('Chat', 0), standing.report(0).health]).toEqual([undefined, undefined])
})

test('a provider that is no longer checked is neither well nor ill', () => {
  standing.setHealth('Unhealthy', 'x', 0)
  standing.forgetHealth()
  expect([standing.blocked('Chat', 0), standing.report(0).health]).toEqual([undefined, undefined])
  standing.setHealth('Healthy', 'a check passed with 200', 1)
  expect(told).toEqual([{ healthy: 'Unhealthy', why: 'x' }])
})

test('new limits hold for circuits that are there already', () => {
  fail(1, 0)
  standing.configure({ ...CONFIG, circuitBreaker: { ...CONFIG.circuitBreaker, consecutiveFailures: 3 } })
  fail(1, 0)
  expect(standing.circuit('Chat', 0)).toBe('Closed')
  fail(1, 0)
  expect(standing.circuit('Chat', 0)).toBe('Open')
})

test('the report says all there is to know', () => {
  const answered = begin(0)
  standing.firstByte(answered, 100.4, 600.5)
  standing.end(answered, 'Success', 600.5)
  expect(standing.report(600.5)).toEqual({
    provider: 'ai/openai',
    inFlight: 0,
    health: undefined,
    circuits: [
      {
        operation: 'Chat',
        state: 'Closed',
        forMs: 601,
        leftMs: undefined,
        timeToFirstByteMs: 100,
        opened: 0,
        why: '',
      },
    ],
    retriesDenied: 0,
  })
  const under = begin(1000)
  standing.end(standing.begin('Embeddings', 'Healthy', 1000) as AttemptPermit, 'Success', 1000)
  fail(2, 2000)
  standing.setHealth('Healthy', 'a check passed with 200', 2500)
  expect(standing.report(3000)).toMatchObject({
    inFlight: 1,
    health: { state: 'Healthy', forMs: 500, why: '' },
    circuits: [
      { operation: 'Chat', state: 'Open', forMs: 1000, leftMs: 14_000, opened: 1, why: '2 failures in a row' },
      { operation: 'Embeddings', state: 'Closed', forMs: 2000 },
    ],
  })
  // Half-open from the moment on that its time is over, though no request has noticed.
  expect(standing.report(18_000).circuits[0]).toMatchObject({ state: 'HalfOpen', forMs: 1000, leftMs: undefined })
  standing.end(begin(18_000), 'Success', 19_000)
  expect(standing.report(19_500).circuits[0]).toMatchObject({ state: 'Closed', forMs: 500, opened: 1, why: '' })
  standing.end(under, 'Success', 20_000)
})
