// The cluster itself, before anything of ours runs in it: if these fail, look here first.
import { beforeAll, expect, test } from '@jest/globals'
import { KUBERNETES_VERSION } from './support/binaries.ts'
import { clusterForTests, namespaceForTests } from './support/fixtures.ts'
import { provideNodeImage } from './support/images.ts'
import { eventually } from './support/patience.ts'

const cluster = clusterForTests()
const namespace = namespaceForTests(cluster, 'smoke')

const SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

/** Answers with a text on a port. */
function server(name: string, port: number): object {
  const program = `
    const answer = '${name} of ' + process.env.HOSTNAME
    console.log('${name} starts')
    require('node:http').createServer((request, response) => response.end(answer)).listen(${port})`
  return {
    name,
    image: 'localhost/node:test',
    imagePullPolicy: 'Never',
    args: ['-e', program],
    startupProbe: { httpGet: { path: '/', port }, periodSeconds: 1, failureThreshold: 120 },
    securityContext: SECURITY,
  }
}

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pair', labels: { app: 'pair' } },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    initContainers: [{ ...server('sidecar', 8788), restartPolicy: 'Always' }],
    containers: [server('app', 8080)],
  },
}

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  // Not the pod's: /etc/hosts would answer before DNS.
  metadata: { name: 'front' },
  spec: { selector: { app: 'pair' }, ports: [{ port: 80, targetPort: 8080 }] },
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return await cluster().kubectl([`--namespace=${namespace()}`, ...args])
}

beforeAll(async () => {
  await provideNodeImage(cluster().place)
  const list = { apiVersion: 'v1', kind: 'List', items: [POD, SERVICE] }
  await cluster().kubectl(['apply', `--namespace=${namespace()}`, '--filename=-'], { input: JSON.stringify(list) })
  await kubectl('wait', 'pod/pair', '--for=condition=Ready', '--timeout=120s')
})

test('the node is ready and runs the version that was built', async () => {
  const version = await kubectl('get', 'node', 'node1', '--output=jsonpath={.status.nodeInfo.kubeletVersion}')
  expect(version).toBe(`v${KUBERNETES_VERSION}`)
})

test('a pod with a native sidecar runs under the restricted profile', async () => {
  const ready = 'jsonpath={.status.initContainerStatuses[*].ready} {.status.containerStatuses[*].ready}'
  expect(await kubectl('get', 'pod', 'pair', `--output=${ready}`)).toBe('true true')
})

test('a pod and a Service answer a test by their addresses', async () => {
  const podIp = await kubectl('get', 'pod', 'pair', '--output=jsonpath={.status.podIP}')
  const clusterIp = await kubectl('get', 'service', 'front', '--output=jsonpath={.spec.clusterIP}')
  expect(await textFrom(`http://${podIp}:8788/`)).toBe('sidecar of pair')
  expect(await eventually('the Service answers', () => textFrom(`http://${clusterIp}/`))).toBe('app of pair')
})

test('a Service answers a pod by its name', async () => {
  const ask = `fetch('http://front').then((response) => response.text()).then(console.log)`
  const answer = await eventually('the name answers', () =>
    kubectl('exec', 'pair', '--container=app', '--', '/usr/local/bin/node', '-e', ask),
  )
  expect(answer.trim()).toBe('app of pair')
})

test('the log of a container can be read', async () => {
  expect((await kubectl('logs', 'pair', '--container=sidecar')).trim()).toBe('sidecar starts')
})

test('admission policies and webhooks are served', async () => {
  const resources = await kubectl('api-resources', '--api-group=admissionregistration.k8s.io', '--output=name')
  expect(resources.split('\n')).toEqual(
    expect.arrayContaining([
      'mutatingadmissionpolicies.admissionregistration.k8s.io',
      'mutatingwebhookconfigurations.admissionregistration.k8s.io',
      'validatingadmissionpolicies.admissionregistration.k8s.io',
    ]),
  )
})

test('a pod that the restricted profile forbids is refused', async () => {
  const { securityContext, ...spec } = POD.spec
  const pod = { ...POD, metadata: { name: 'careless' }, spec }
  expect(securityContext.runAsNonRoot).toBe(true)
  await expect(
    cluster().kubectl(['create', `--namespace=${namespace()}`, '--filename=-'], { input: JSON.stringify(pod) }),
  ).rejects.toThrow('violates PodSecurity "restricted:latest"')
})

async function textFrom(url: string): Promise<string> {
  const response = await fetch(url)
  return await response.text()
}
