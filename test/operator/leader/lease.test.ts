import { expect, test } from '@jest/globals'
import {
  heldBy,
  LEASE_TIMINGS,
  type Lease,
  type LeaseSpec,
  moveOf,
  released,
  remainingMs,
  retryDelayMs,
  type Sighting,
  sightingOf,
} from '../../../operator/leader/lease.ts'

const ME = { namespace: 'outrigger-system', name: 'outrigger-operator', identity: 'me' }
const WALL_MS = Date.parse('2026-11-21T12:00:00.250Z')
const NOW = '2026-11-21T12:00:00.250000Z'
const LONG_AGO = '2020-01-01T00:00:00.000000Z'

function lease(spec: LeaseSpec, resourceVersion = '7'): Lease {
  const metadata = { namespace: ME.namespace, name: ME.name, resourceVersion }
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
}

const THEIRS: LeaseSpec = {
  holderIdentity: 'other',
  leaseDurationSeconds: 15,
  acquireTime: LONG_AGO,
  renewTime: LONG_AGO,
  leaseTransitions: 3,
}
const MINE: LeaseSpec = { ...THEIRS, holderIdentity: 'me' }
const TAKEN: LeaseSpec = {
  holderIdentity: 'me',
  leaseDurationSeconds: 15,
  acquireTime: NOW,
  renewTime: NOW,
  leaseTransitions: 4,
}

function seenAgo(spec: LeaseSpec, agoMs: number): Sighting {
  return { lease: lease(spec), sinceMs: 100_000 - agoMs }
}

const replace = (spec: LeaseSpec) => ({ kind: 'Replace', lease: lease(spec) })

const MOVES: [string, Sighting | undefined, unknown][] = [
  [
    'a lease that does not exist is created',
    undefined,
    {
      kind: 'Create',
      lease: { ...lease({ ...TAKEN, leaseTransitions: 0 }), metadata: { namespace: ME.namespace, name: ME.name } },
    },
  ],
  ['one that was never held is taken', seenAgo({}, 0), replace({ ...TAKEN, leaseTransitions: 0 })],
  ['one that was released is taken at once', seenAgo({ ...THEIRS, holderIdentity: '' }, 0), replace(TAKEN)],
  ['one of our own is renewed, its acquireTime stays', seenAgo(MINE, 0), replace({ ...MINE, renewTime: NOW })],
  ['one of our own is renewed also when it is old', seenAgo(MINE, 90_000), replace({ ...MINE, renewTime: NOW })],
  ['a foreign one is left alone, however old its times', seenAgo(THEIRS, 0), { kind: 'Wait' }],
  ['a foreign one is left alone until its length has passed', seenAgo(THEIRS, 14_999), { kind: 'Wait' }],
  ['a foreign one that did not change for its length is taken', seenAgo(THEIRS, 15_000), replace(TAKEN)],
  ['a holder may promise a longer lease', seenAgo({ ...THEIRS, leaseDurationSeconds: 60 }, 59_999), { kind: 'Wait' }],
  ['… which ends too', seenAgo({ ...THEIRS, leaseDurationSeconds: 60 }, 60_000), replace(TAKEN)],
  [
    'a shorter lease than ours is not believed',
    seenAgo({ ...THEIRS, leaseDurationSeconds: 1 }, 14_999),
    { kind: 'Wait' },
  ],
]

test.each(MOVES)('%s', (_says, sighting, move) => {
  expect(moveOf(sighting, ME, { wallMs: WALL_MS, uptimeMs: 100_000 }, LEASE_TIMINGS)).toEqual(move)
})

const SIGHTINGS: [string, Lease, number][] = [
  ['the same record was seen since before', lease(THEIRS), 10],
  ['a label or another resourceVersion is no sign of life', lease(THEIRS, '8'), 10],
  ['a renewal is', lease({ ...THEIRS, renewTime: NOW }), 500],
  ['another holder is', lease({ ...THEIRS, holderIdentity: 'third' }), 500],
  ['an empty record is', { ...lease({}), spec: {} }, 500],
]

test.each(SIGHTINGS)('%s', (_says, seen, sinceMs) => {
  expect(sightingOf({ lease: lease(THEIRS), sinceMs: 10 }, seen, 500)).toEqual({ lease: seen, sinceMs })
})

test('a holder keeps what others wrote into the lease', () => {
  const labelled = { ...lease(MINE), metadata: { ...lease(MINE).metadata, labels: { team: 'ai' } } }
  const moment = { wallMs: WALL_MS, uptimeMs: 0 }
  expect(heldBy(labelled, ME, moment, LEASE_TIMINGS)).toMatchObject({ metadata: labelled.metadata })
})

test('a released lease names nobody and is short', () => {
  const spec = { ...MINE, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: NOW, renewTime: NOW }
  expect(released(lease(MINE), WALL_MS)).toEqual(lease(spec))
})

const REMAINING: [string, number, number, number][] = [
  ['both clocks say the same', 4_000, 4_000, 6_000],
  ['uptime stood still while the machine slept', 0, 20_000, -10_000],
  ['wall time was set back', 4_000, -3_600_000, 6_000],
  ['the deadline itself is too late', 10_000, 10_000, 0],
]

test.each(REMAINING)('of a term remains what the later clock says: %s', (_says, uptimeMs, wallMs, leftMs) => {
  expect(remainingMs({ wallMs: 0, uptimeMs: 0 }, { wallMs, uptimeMs }, LEASE_TIMINGS)).toBe(leftMs)
})

test('candidates spread over 2 to 4.4 s, a leader renews every 2 s', () => {
  const delays = [0, 0.5, 1].map((random) => retryDelayMs('Candidate', random, LEASE_TIMINGS))
  expect(delays).toEqual([2_000, 3_200, 4_400])
  expect(retryDelayMs('Leader', 1, LEASE_TIMINGS)).toBe(2_000)
})
