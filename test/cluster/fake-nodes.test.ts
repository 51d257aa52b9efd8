// Fake nodes themselves; what they are for are tests with thousands of pods.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FAKE_NODE_LABELS, FAKE_NODE_TOLERATION, removeFakeNodes, startFakeNodes } from './support/fake-nodes.ts'
import { clusterForTests, namespaceForTests } from './support/fixtures.ts'

const cluster = clusterForTests()
const namespace = namespaceForTests(cluster, 'fake-nodes', {})

const SPEC = {
  nodeSelector: FAKE_NODE_LABELS,
  tolerations: [FAKE_NODE_TOLERATION],
  initContainers: [
    { name: 'sidecar', image: 'localhost/none:test', restartPolicy: 'Always' },
    { name: 'prepare', image: 'localhost/none:test' },
  ],
  containers: [{ name: 'app', image: 'localhost/none:test' }],
}

const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'many' },
  spec: {
    replicas: 200,
    selector: { matchLabels: { app: 'many' } },
    template: { metadata: { labels: { app: 'many' } }, spec: SPEC },
  },
}

beforeAll(async () => {
  await startFakeNodes(cluster(), 2)
})

afterAll(async () => {
  await cluster().kubectl(['delete', 'deployment', 'many', `--namespace=${namespace()}`, '--cascade=foreground'])
  await removeFakeNodes(cluster())
})

test('two hundred pods with native sidecars run on fake nodes', async () => {
  const input = JSON.stringify(DEPLOYMENT)
  await cluster().kubectl(['apply', `--namespace=${namespace()}`, '--filename=-'], { input })
  await cluster().kubectl(['rollout', 'status', 'deployment/many', `--namespace=${namespace()}`, '--timeout=240s'])
  const names = 'jsonpath={range .items[*]}{.spec.nodeName} {.status.initContainerStatuses[*].state}{"\\n"}{end}'
  const pods = await cluster().kubectl(['get', 'pods', `--namespace=${namespace()}`, `--output=${names}`])
  const lines = pods.trim().split('\n')
  expect(lines).toHaveLength(200)
  expect(lines.filter((line) => !/^fake-[01] \{"running".*\} \{"terminated".*\}$/.test(line))).toEqual([])
})
