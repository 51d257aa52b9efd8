// What the chart lets the operator do on a real API server, asked with the operator's token: enough, and nothing more.
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { KubeClient, KubeRequest } from '../../operator/kube/client.ts'
import { installationForTests } from '../charts/release.ts'

const POD = '/api/v1/namespaces/shop/pods/app'
const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
const OBJECTS = `
apiVersion: v1
kind: Pod
metadata: {name: app, namespace: shop, labels: {app: shop}, annotations: {team: search}, finalizers: [example.com/held]}
spec: {containers: [{name: app, image: "example.com/app:1"}]}
---
apiVersion: v1
kind: Secret
metadata: {name: openai, namespace: shop}
---
apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: openai, namespace: shop}
spec: {type: OpenAI, openAI: {}}
`
const STATUS = { status: { observedGeneration: 1 } }

let operator: KubeClient

async function answer(request: KubeRequest): Promise<string> {
  return await operator.request(request).then(
    () => 'done',
    (error: Error) => error.message,
  )
}

function patch(path: string, body: object, type = 'merge-patch+json'): KubeRequest {
  return { method: 'PATCH', path, body, contentType: `application/${type}` }
}

function apply(path: string, apiVersion: string, kind: string): KubeRequest {
  const body = { apiVersion, kind, metadata: { name: path.split('/').at(-1) } }
  return { ...patch(path, body, 'apply-patch+yaml'), query: { fieldManager: 'outrigger-operator', force: 'true' } }
}

function may(what: string, request: KubeRequest): void {
  test(`may ${what}`, async () => {
    expect(await answer(request)).toBe('done')
  })
}

function mayNot(what: string, request: KubeRequest, because = 'cannot'): void {
  test(`may not ${what}`, async () => {
    expect(await answer(request)).toContain(because)
  })
}

describe('the operator', () => {
  const installation = installationForTests()

  beforeAll(async () => {
    const { apply: install, kubectl, operator: client } = installation()
    await install('install')
    await kubectl(['wait', '--for=condition=Established', 'crd/llmproviders.outrigger.dev'])
    await kubectl(['apply', '--filename', '-'], OBJECTS)
    operator = await client()
  })

  const revision = (value: string | null): object => ({
    metadata: { annotations: { 'outrigger.dev/revision': value } },
  })
  may('put its annotation on a pod', patch(POD, revision('a')))
  may('change it', patch(POD, revision('b')))
  may('take it away', patch(POD, revision(null)))
  const shares = (value: string): object => ({ metadata: { annotations: { 'outrigger.dev/limit-shares': value } } })
  may('grant a pod shares of limits', patch(POD, shares('{}')))
  const only = 'may change no annotation of a pod but outrigger.dev/revision and outrigger.dev/limit-shares'
  mayNot('add another annotation', patch(POD, { metadata: { annotations: { extra: '1' } } }), `${only}: extra`)
  mayNot('change another annotation', patch(POD, { metadata: { annotations: { team: 'x' } } }), `${only}: team`)
  mayNot('take another annotation away', patch(POD, { metadata: { annotations: { team: null } } }), `${only}: team`)
  mayNot('change the labels of a pod', patch(POD, { metadata: { labels: { app: 'x' } } }), 'may not change the labels')
  mayNot('take a finalizer away', patch(POD, { metadata: { finalizers: null } }), 'may not change the finalizers')
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'b' }
  mayNot(
    'give a pod an owner',
    patch(POD, { metadata: { ownerReferences: [owner] } }),
    'may not change the ownerReferences',
  )
  const image = { containers: [{ name: 'app', image: 'example.com/other:1' }] }
  mayNot('change an image', patch(POD, { spec: image }, 'strategic-merge-patch+json'), 'may not change the spec')
  mayNot(
    'hide a change behind its annotation',
    patch(POD, { ...revision('c'), spec: { activeDeadlineSeconds: 9 } }),
    'the spec',
  )
  mayNot('change the status of a pod', patch(`${POD}/status`, { status: { phase: 'Failed' } }))
  mayNot('delete a pod', { method: 'DELETE', path: POD })
  mayNot('run a command in a pod', { method: 'POST', path: `${POD}/exec`, query: { command: 'sh' } })

  test('does not keep others from changing pods', async () => {
    await installation().kubectl(['label', 'pod', 'app', '--namespace', 'shop', 'app=other', '--overwrite'])
  })

  for (const name of ['outrigger-config', 'outrigger-config-1', 'outrigger-config-7']) {
    may(`apply ConfigMap ${name}`, apply(`/api/v1/namespaces/shop/configmaps/${name}`, 'v1', 'ConfigMap'))
    may(`delete ConfigMap ${name}`, { method: 'DELETE', path: `/api/v1/namespaces/shop/configmaps/${name}` })
  }
  const limits = '/api/v1/namespaces/shop/configmaps/outrigger-limits'
  may('remember what is used up of limits', apply(limits, 'v1', 'ConfigMap'))
  may('read it again', { method: 'GET', path: limits })
  may('forget it', { method: 'DELETE', path: limits })
  mayNot('read another ConfigMap', { method: 'GET', path: '/api/v1/namespaces/shop/configmaps/other' })
  may('apply its Secret', apply('/api/v1/namespaces/shop/secrets/outrigger-credentials', 'v1', 'Secret'))
  may('delete its Secret', { method: 'DELETE', path: '/api/v1/namespaces/shop/secrets/outrigger-credentials' })
  mayNot('apply another ConfigMap', apply('/api/v1/namespaces/shop/configmaps/other', 'v1', 'ConfigMap'))
  mayNot('apply another Secret', apply('/api/v1/namespaces/shop/secrets/openai', 'v1', 'Secret'))
  mayNot('create a Secret of any name', {
    ...{ method: 'POST', path: '/api/v1/namespaces/shop/secrets' },
    body: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'x', annotations: { 'kubernetes.io/service-account.name': 'default' } },
    },
  })
  may('read the Secrets that providers name', { method: 'GET', path: '/api/v1/namespaces/shop/secrets/openai' })

  const provider = '/apis/outrigger.dev/v1alpha1/namespaces/shop/llmproviders/openai'
  may('write the status of a provider', patch(`${provider}/status`, STATUS))
  mayNot('change a provider', patch(provider, { spec: { models: [] } }))

  for (const path of ['/api/v1/pods', '/api/v1/secrets', '/api/v1/configmaps', '/api/v1/namespaces']) {
    may(`list ${path}`, { method: 'GET', path, query: { limit: '1' } })
  }
  mayNot('list nodes', { method: 'GET', path: '/api/v1/nodes' })

  may(
    'write into its own webhook configuration',
    patch(`${WEBHOOKS}/outrigger-injection`, { metadata: { annotations: { a: 'b' } } }),
  )
  mayNot('write into another', patch(`${WEBHOOKS}/other`, {}))
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'outrigger-operator' } }
  may('take its lease', {
    method: 'POST',
    path: '/apis/coordination.k8s.io/v1/namespaces/outrigger/leases',
    body: lease,
  })
  mayNot('take a lease elsewhere', {
    method: 'POST',
    path: '/apis/coordination.k8s.io/v1/namespaces/shop/leases',
    body: lease,
  })

  describe('with watchNamespaces', () => {
    beforeAll(async () => {
      await installation().apply('upgrade', ['--set', 'watchNamespaces={shop,ai}'])
    })

    may('read Secrets there', { method: 'GET', path: '/api/v1/namespaces/ai/secrets' })
    may('nudge pods there', patch(POD, revision('d')))
    mayNot('read Secrets elsewhere', { method: 'GET', path: '/api/v1/namespaces/other/secrets' })
    mayNot('list Secrets of all namespaces', { method: 'GET', path: '/api/v1/secrets' })
    mayNot('list namespaces', { method: 'GET', path: '/api/v1/namespaces' })
    mayNot(
      'apply its ConfigMap elsewhere',
      apply('/api/v1/namespaces/other/configmaps/outrigger-config', 'v1', 'ConfigMap'),
    )
    mayNot('change a pod there', patch(POD, { metadata: { labels: { x: 'y' } } }), 'may not change the labels')
  })
})
