import { expect, test } from '@jest/globals'
import { isSamePod, type RawPod, type SidecarPod, sidecarPodOf } from '../../../operator/rollout/pod.ts'

const SIDECAR = [{ name: 'outrigger', image: 'outrigger:1' }]
const RUNNING = { name: 'outrigger', restartCount: 2, state: { running: {} } }
const RUNS = [RUNNING]

function pod(spec: RawPod['spec'], status: RawPod['status'], deletionTimestamp?: string): RawPod {
  const metadata = {
    name: 'a',
    namespace: 'shop',
    uid: 'u',
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  }
  return { metadata, ...(spec && { spec }), ...(status && { status }) }
}

test.each<[name: string, raw: RawPod, expected: Partial<SidecarPod>]>([
  [
    'runs',
    pod({ initContainers: SIDECAR }, { phase: 'Running', podIP: '10.0.0.1', initContainerStatuses: RUNS }),
    { state: 'Running', admin: '10.0.0.1:8788', image: 'outrigger:1', restarts: 2, started: true },
  ],
  [
    'runs and has not passed its startup probe',
    pod({ initContainers: SIDECAR }, { podIP: '10.0.0.1', initContainerStatuses: [{ ...RUNNING, started: false }] }),
    { state: 'Running', started: false },
  ],
  [
    'runs on IPv6',
    pod({ initContainers: SIDECAR }, { phase: 'Running', podIP: 'fd00::1', initContainerStatuses: RUNS }),
    { state: 'Running', admin: '[fd00::1]:8788' },
  ],
  ['was just created', pod({ initContainers: SIDECAR }, undefined), { state: 'Starting', restarts: 0 }],
  [
    'starts again',
    pod({ initContainers: SIDECAR }, { podIP: '10.0.0.1', initContainerStatuses: [{ name: 'outrigger', state: {} }] }),
    { state: 'Starting' },
  ],
  ['has no sidecar', pod({ initContainers: [] }, { phase: 'Running', podIP: '10.0.0.1' }), { state: 'Missing' }],
  ['has succeeded', pod({ initContainers: SIDECAR }, { phase: 'Succeeded', podIP: '10.0.0.1' }), { state: 'Ended' }],
  [
    'is being deleted',
    pod({ initContainers: SIDECAR }, { podIP: '10.0.0.1', initContainerStatuses: RUNS }, '2026-11-21T09:00:00Z'),
    { state: 'Ended' },
  ],
])('a pod that %s', (_name, raw, expected) => {
  const found = sidecarPodOf(raw)
  expect(found).toMatchObject(expected)
  if (found.state !== 'Running') expect(found.admin).toBeUndefined()
})

test('of a pod that is on its way out, the sidecar can still be asked about shares of limits', () => {
  const status = { phase: 'Running', podIP: '10.0.0.1', initContainerStatuses: RUNS }
  const { admin, sharing } = sidecarPodOf(pod({ initContainers: SIDECAR }, status, '2026-11-21T09:00:00Z'))
  expect({ admin, sharing: sharing.admin }).toEqual({ admin: undefined, sharing: '10.0.0.1:8788' })
})

test('what is written about shares of limits makes no other pod of it', () => {
  const raw = pod({ initContainers: SIDECAR }, { podIP: '10.0.0.1', initContainerStatuses: RUNS })
  const annotations = { 'outrigger.dev/limit-shares': '{}' }
  const written = sidecarPodOf({ ...raw, metadata: { ...raw.metadata, annotations, resourceVersion: '2' } })
  expect(written.sharing).toMatchObject({ annotation: '{}', resourceVersion: '2' })
  expect(isSamePod(sidecarPodOf(raw), written)).toBe(true)
})

test('a pod is the same as long as nothing of it that is read is different', () => {
  const raw = pod({ initContainers: SIDECAR }, { podIP: '10.0.0.1', initContainerStatuses: RUNS })
  const labelled = (labels: Record<string, string>) => sidecarPodOf({ ...raw, metadata: { ...raw.metadata, labels } })
  expect(isSamePod(labelled({ a: '1', b: '2' }), labelled({ b: '2', a: '1' }))).toBe(true)
  expect(isSamePod(labelled({ a: '1' }), labelled({ a: '2' }))).toBe(false)
})
