import { expect, test } from '@jest/globals'
import {
  countPods,
  countProvider,
  countSidecars,
  type PodRollout,
  type SidecarCounts,
} from '../../../operator/rollout/count.ts'
import { type Fingerprint, fingerprintOf } from '../../../operator/rollout/fingerprint.ts'
import type { SidecarPod } from '../../../operator/rollout/pod.ts'
import { NOT_SHARING } from '../../support/not-sharing.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const IMAGE = 'outrigger:2'

function print(revision: string, weight: number): Fingerprint {
  const rule = ruleConfig('all', { backends: [backend('ai/openai', weight)] })
  const routes = [routeConfig('shop/web', [rule], { app: 'web' })]
  return fingerprintOf(sidecarConfig({ revision, providers: [provider('ai/openai', 'OpenAI')], routes }))
}

const OLD = print('old', 1)
const WANTED = print('wanted', 2)

function pod(name: string, change: Partial<SidecarPod> = {}): SidecarPod {
  const where = { namespace: 'shop', name, uid: name, admin: '10.0.0.1:8788', restarts: 0, started: true }
  return { ...where, labels: { app: 'web' }, state: 'Running', image: IMAGE, sharing: NOT_SHARING, ...change }
}

const RUNS_WANTED: PodRollout['report'] = { kind: 'Runs', running: WANTED }
const RUNS_OLD: PodRollout['report'] = { kind: 'Runs', running: OLD }
const UNREACHABLE: PodRollout['report'] = { kind: 'Unreachable', message: 'no route' }
const NONE: SidecarCounts = { total: 0, current: 0, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }

test.each<[name: string, each: PodRollout, route: Partial<SidecarCounts> | undefined]>([
  ['a sidecar that runs it', { pod: pod('a'), report: RUNS_WANTED }, { total: 1, current: 1 }],
  ['one that runs the one before', { pod: pod('a'), report: RUNS_OLD }, { total: 1, outdated: 1 }],
  [
    'one that runs nothing that is known',
    { pod: pod('a'), report: { kind: 'Runs', running: undefined } },
    { total: 1, outdated: 1 },
  ],
  ['one that was not asked yet', { pod: pod('a'), report: undefined }, { total: 1, outdated: 1 }],
  [
    'one that cannot be asked',
    { pod: pod('a'), report: UNREACHABLE },
    { total: 1, outdated: 1, unreachable: 1, unreachableExample: 'shop/a: no route' },
  ],
  [
    'one of another image',
    { pod: pod('a', { image: 'outrigger:1' }), report: RUNS_WANTED },
    { total: 1, current: 1, imageOutdated: 1 },
  ],
  ['one that starts and cannot be asked yet', { pod: pod('a', { started: false }), report: UNREACHABLE }, undefined],
  [
    'one that starts and answers already',
    { pod: pod('a', { started: false }), report: RUNS_WANTED },
    { total: 1, current: 1 },
  ],
  ['a pod without one', { pod: pod('a', { state: 'Missing' }), report: undefined }, { missing: 1 }],
  ['a pod that starts', { pod: pod('a', { state: 'Starting' }), report: undefined }, undefined],
  ['a pod that is over', { pod: pod('a', { state: 'Ended' }), report: undefined }, undefined],
  ['a pod that the route does not select', { pod: pod('a', { labels: {} }), report: RUNS_OLD }, undefined],
])('for a route %s counts', (_name, each, expected) => {
  const counts = countSidecars({ wanted: WANTED, pods: [each] }, IMAGE)
  expect(counts.get('LLMRoute shop/web')).toEqual(expected && { ...NONE, ...expected })
})

test('a provider that did not change is current where a route of the pod did', () => {
  const counts = countSidecars({ wanted: WANTED, pods: [{ pod: pod('a'), report: RUNS_OLD }] }, IMAGE)
  expect(counts.get('LLMProvider ai/openai')).toEqual({ ...NONE, total: 1, current: 1 })
})

test('nothing is wanted, nobody is counted', () => {
  expect(countSidecars({ wanted: undefined, pods: [{ pod: pod('a'), report: RUNS_OLD }] }, IMAGE)).toEqual(new Map())
})

test('pods are summed up, with one example of those that cannot be asked', () => {
  const pods = [
    { pod: pod('a'), report: RUNS_WANTED },
    { pod: pod('c'), report: UNREACHABLE },
    { pod: pod('b'), report: UNREACHABLE },
    { pod: pod('d', { state: 'Missing' }), report: undefined },
  ]
  const expected = {
    total: 3,
    current: 1,
    outdated: 2,
    missing: 1,
    unreachable: 2,
    unreachableExample: 'shop/b: no route',
  }
  expect(countPods({ wanted: WANTED, pods }, IMAGE)).toEqual({ ...NONE, ...expected })
})

test('no image is outdated where Outrigger injects nothing', () => {
  const each = { pod: pod('a', { image: 'mine:1' }), report: RUNS_WANTED }
  expect(countPods({ wanted: WANTED, pods: [each] }, undefined).imageOutdated).toBe(0)
})

const [PODS, DIGEST] = [[{ pod: pod('a'), report: RUNS_WANTED }], WANTED.providers.get('ai/openai')]
const CURRENT = { ...NONE, total: 1, current: 1 }
const OUTDATED = { ...NONE, total: 1, outdated: 1 }

test.each<[name: string, id: string, digest: string | undefined, expected: SidecarCounts]>([
  ['as it was published counts what sidecars say', 'ai/openai', DIGEST, CURRENT],
  ['that was changed since has no current sidecar', 'ai/openai', 'other', OUTDATED],
  ['that was taken away since has no current sidecar', 'ai/openai', undefined, OUTDATED],
  ['that was opened since concerns all sidecars', 'ai/new', 'new', OUTDATED],
  ['that the namespace may not use and has not concerns none', 'ai/foreign', undefined, NONE],
])('a provider %s', (_name, id, digest, expected) => {
  const rollout = { wanted: WANTED, pods: PODS }
  const counted = { counts: countSidecars(rollout, IMAGE), pods: countPods(rollout, IMAGE) }
  expect(countProvider(rollout, counted, { id, digest })).toEqual(expected)
})
