// What most files with cluster tests begin with: the cluster, and a namespace of their own, so that they share nothing but the node.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from '@jest/globals'
import { attachCluster, type Cluster } from './cluster.ts'

/** As a careful platform team sets it up. */
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }

/** Read it inside hooks and tests only. */
export function clusterForTests(): () => Cluster {
  let cluster: Cluster | undefined
  const get = (): Cluster => {
    if (cluster === undefined) throw new Error('no cluster is up: run this by `make test-cluster`')
    return cluster
  }
  beforeAll(async () => {
    cluster = await attachCluster()
    get()
  })
  return get
}

/**
 * Name of a namespace that exists from beforeAll on; afterwards it is deleted, without waiting for it to be gone. It enforces the
 * `restricted` profile of Pod Security unless other labels are given.
 */
export function namespaceForTests(
  cluster: () => Cluster,
  prefix: string,
  labels: Readonly<Record<string, string>> = RESTRICTED,
): () => string {
  const name = `${prefix}-${randomBytes(3).toString('hex')}`
  beforeAll(async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
    await cluster().kubectl(['create', '--filename=-'], { input: JSON.stringify(namespace) })
    // Pods are refused until it is there.
    await cluster().kubectl(['wait', 'serviceaccount/default', '--for=create', `--namespace=${name}`, '--timeout=60s'])
  })
  afterAll(async () => {
    await cluster().kubectl(['delete', 'namespace', name, '--wait=false', '--ignore-not-found'])
  })
  return () => name
}
