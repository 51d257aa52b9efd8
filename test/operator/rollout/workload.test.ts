import { expect, test } from '@jest/globals'
import { workloadOf } from '../../../operator/rollout/workload.ts'

const HASH = { 'pod-template-hash': '7c9d8b6f5' }

function owner(kind: string, name: string, controller = true) {
  return { kind, name, controller }
}

test.each<[labels: Record<string, unknown>, owners: ReturnType<typeof owner>[], expected: string | undefined]>([
  [HASH, [owner('ReplicaSet', 'shop-7c9d8b6f5')], 'Deployment/shop'],
  [HASH, [owner('ReplicaSet', 'shop-a-7c9d8b6f5')], 'Deployment/shop-a'],
  [{}, [owner('ReplicaSet', 'shop-7c9d8b6f5')], 'ReplicaSet/shop-7c9d8b6f5'],
  [{ 'pod-template-hash': '' }, [owner('ReplicaSet', 'shop-')], 'ReplicaSet/shop-'],
  [HASH, [owner('ReplicaSet', 'other')], 'ReplicaSet/other'],
  [HASH, [owner('Rollout', 'shop-7c9d8b6f5')], 'Rollout/shop-7c9d8b6f5'],
  [{}, [owner('StatefulSet', 'db')], 'StatefulSet/db'],
  [{}, [owner('Tenant', 'acme', false), owner('Job', 'nightly')], 'Job/nightly'],
  [{}, [owner('Tenant', 'acme', false)], undefined],
  [{}, [], undefined],
])('labels %j and owners %j are of %s', (labels, owners, expected) => {
  expect(workloadOf({ labels, owners })).toBe(expected)
})
