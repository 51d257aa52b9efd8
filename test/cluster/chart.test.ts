// The chart's life on a real API server: what is accepted, what an upgrade leaves alone, what stays after an uninstallation.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { CHART } from '../charts/helm.ts'
import { type Installation, installationForTests } from '../charts/release.ts'
import { KUBERNETES_VERSION } from './support/binaries.ts'

const CASES = path.join(import.meta.dirname, '../charts/golden')
/** They need cert-manager, or are about an older Kubernetes. */
const NOT_HERE = /^(cert-manager|kubernetes-)/

const WEBHOOK = 'mutatingwebhookconfiguration/outrigger-injection'
const RELEASE = ['--selector', 'app.kubernetes.io/instance=outrigger']
const CLUSTER_WIDE =
  'mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings'
const OF_NAMESPACES = 'deployments,services,serviceaccounts,configmaps,poddisruptionbudgets,roles,rolebindings'

const PUBLISHED = `
apiVersion: v1
kind: ConfigMap
metadata: {name: outrigger-config, namespace: shop, labels: {app.kubernetes.io/managed-by: outrigger}}
`

describe('the chart', () => {
  const installation = installationForTests()

  test('is accepted by the API server as it is rendered for each case', async () => {
    const { kubectl, helm } = installation()
    await kubectl(['create', 'namespace', 'outrigger'])
    const render = ['template', 'outrigger', CHART, '--namespace', 'outrigger', '--kube-version', KUBERNETES_VERSION]
    for (const file of readdirSync(CASES).filter((name) => !NOT_HERE.test(name))) {
      const [values = ''] = readFileSync(path.join(CASES, file), 'utf8').split('---\n')
      const manifests = await helm([...render, '--values', '-'], values)
      await kubectl(['apply', '--server-side', '--dry-run=server', '--filename', '-'], manifests)
    }
  })

  test('is installed by one command, definitions included', async () => {
    const { apply, kubectl } = installation()
    const notes = await apply('install')
    await kubectl([
      'wait',
      '--for=condition=Established',
      'crd/llmproviders.outrigger.dev',
      'crd/llmroutes.outrigger.dev',
    ])
    // The example that it prints.
    const [, provider] = /<<EOF\n([\s\S]*?)\nEOF\n/.exec(notes) ?? []
    await kubectl(['apply', '--namespace', 'shop', '--filename', '-'], provider)
    await kubectl(['apply', '--filename', '-'], PUBLISHED)
  })

  test('holds up labelled pods as long as no operator answers, and no others', async () => {
    const { kubectl } = installation()
    const create = (namespace: string, labels: string, spec = ''): Promise<string> => {
      const pod = `{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ${namespace}, labels: {${labels}}}, spec: {${spec} containers: [{name: a, image: "a:1"}]}}`
      return kubectl(['create', '--dry-run=server', '--output', 'name', '--filename', '-'], pod)
    }
    const asks = 'outrigger.dev/inject: "true"'
    await expect(create('shop', asks)).rejects.toThrow('failed calling webhook "inject.outrigger.dev"')
    const others = [
      create('shop', 'outrigger.dev/inject: "false"'),
      create('shop', asks, 'hostNetwork: true,'),
      create('kube-system', asks),
      create('outrigger', asks),
    ]
    expect(await Promise.all(others)).toEqual(others.map(() => 'pod/a\n'))
  })

  // As Helm 4 upgrades by itself, as Helm 3 did, and back.
  test.each<[string, (installation: Installation) => Promise<string>]>([
    ['an upgrade', ({ apply }) => apply('upgrade', ['--set', 'injection.excludedNamespaces={other}'])],
    ['a client-side upgrade', ({ apply }) => apply('upgrade', ['--server-side=false'])],
    ['a forced upgrade', ({ apply }) => apply('upgrade', ['--server-side=true', '--force-conflicts'])],
    ['a rollback', ({ helm }) => helm(['rollback', 'outrigger', '1', '--namespace', 'outrigger'])],
  ])('leaves the caBundle that the operator wrote alone in %s', async (_, change) => {
    const { kubectl, operator } = installation()
    const bundle = await kubectl([
      'config',
      'view',
      '--raw',
      '--output',
      'jsonpath={.clusters[0].cluster.certificate-authority-data}',
    ])
    await (await operator()).request({
      method: 'PATCH',
      path: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/outrigger-injection',
      contentType: 'application/json-patch+json',
      body: [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: bundle }],
    })
    const before = await kubectl(['get', WEBHOOK, '--output', 'jsonpath={.webhooks[0].clientConfig.caBundle}'])
    await change(installation())
    expect(await kubectl(['get', WEBHOOK, '--output', 'jsonpath={.webhooks[0].clientConfig.caBundle}'])).toBe(before)
    expect(before).toBe(bundle)
  })

  test('leaves nothing but definitions and what sidecars read, when it is uninstalled', async () => {
    const { kubectl, helm } = installation()
    await helm(['uninstall', 'outrigger', '--namespace', 'outrigger', '--wait'])
    expect(await kubectl(['get', CLUSTER_WIDE, ...RELEASE, '--output', 'name'])).toBe('')
    expect(await kubectl(['get', OF_NAMESPACES, '--all-namespaces', ...RELEASE, '--output', 'name'])).toBe('')
    await kubectl(['get', 'configmap', 'outrigger-config', '--namespace', 'shop'])
    await kubectl(['get', 'llmprovider', 'openai', '--namespace', 'shop'])
  })

  test('is installed again over what it left, and takes the definitions away when it is told to', async () => {
    const { apply, kubectl, helm } = installation()
    await apply('install', ['--set', 'crds.keep=false'])
    expect(await kubectl(['get', 'llmprovider', 'openai', '--namespace', 'shop', '--output', 'name'])).toContain(
      'openai',
    )
    await helm(['uninstall', 'outrigger', '--namespace', 'outrigger', '--wait'])
    expect(await kubectl(['get', 'crd', '--output', 'name'])).not.toContain('outrigger.dev')
  })
})
