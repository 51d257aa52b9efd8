// A control plane alone, as tests of CRDs, webhooks and RBAC use it.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { folderForTests } from '../../support/folder.ts'
import { startControlPlane } from '../support/cluster.ts'
import { eventually } from '../support/patience.ts'
import { isRunning } from '../support/processes.ts'

const folder = folderForTests()

test('a control plane serves without a node, collects garbage, and ends without a trace', async () => {
  const cluster = await startControlPlane(folder())
  try {
    await cluster.kubectl(['create', 'deployment', 'idle', '--image=localhost/none:test'])
    const created = ['wait', 'replicaset', '--selector=app=idle', '--for=create', '--timeout=60s']
    expect(await cluster.kubectl(created)).toContain('condition met')
    await cluster.kubectl(['delete', 'deployment', 'idle', '--cascade=foreground', '--timeout=60s'])
    expect(await cluster.kubectl(['get', 'replicasets', '--output=name'])).toBe('')
  } finally {
    await cluster.stop()
  }
  const running = await Promise.all(['etcd', 'kube-apiserver'].map((name) => isRunning(cluster.place, name)))
  expect(running).toEqual([false, false])
  expect(existsSync(path.join(folder(), 'etcd'))).toBe(false)
})

test('an API server that was killed is started again, and has lost nothing', async () => {
  const cluster = await startControlPlane(folder())
  try {
    await cluster.kubectl(['create', 'configmap', 'kept'])
    await cluster.endProgram('kube-apiserver', 'SIGKILL')
    await expect(cluster.kubectl(['get', 'configmap', 'kept'])).rejects.toThrow('refused')
    await cluster.startComponent('kube-apiserver')
    const found = await eventually('it answers', () => cluster.kubectl(['get', 'configmap', 'kept', '--output=name']))
    expect(found).toBe('configmap/kept\n')
  } finally {
    await cluster.stop()
  }
})

test('two control planes run at the same time', async () => {
  const clusters = await Promise.all(['one', 'two'].map((name) => startControlPlane(path.join(folder(), name))))
  try {
    const names = clusters.map(({ place }) => place.name)
    await Promise.all(clusters.map(({ kubectl, place }) => kubectl(['create', 'namespace', place.name])))
    const found = await Promise.all(
      clusters.map(({ kubectl }) => kubectl(['get', 'namespaces', '--output=jsonpath={.items[*].metadata.name}'])),
    )
    expect(found.map((text) => names.filter((name) => text.split(' ').includes(name)))).toEqual([['one'], ['two']])
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  }
})
