// Values that are refused, before anything reaches a cluster, with a message that names the value; and what is said after an
// installation.
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { LIMITS_CONFIG_MAP, SHARDS_MAX, shardConfigMap } from '../../contract/names.ts'
import { parseInjectionSettings } from '../../operator/inject/settings.ts'
import { CHART, CRDS_CHART, describeWithHelm, helm, template } from './helm.ts'
import { parseManifests } from './manifests.ts'

describeWithHelm('values', () => {
  function refuses(set: string, message: string, kubeVersion?: string): void {
    test(`${set} is refused${kubeVersion === undefined ? '' : ` on Kubernetes ${kubeVersion}`}: ${message}`, async () => {
      const { code, stdout, stderr } = await template(['--set', set], kubeVersion)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(message)
    })
  }

  refuses('injection.mode=Webhok', "at '/injection/mode': value must be one of 'Webhook', 'Policy', 'Off'")
  refuses('injektion.mode=Off', "additional properties 'injektion' not allowed")
  refuses('injection.mod=Off', "at '/injection': additional properties 'mod' not allowed")
  refuses(
    'certificates.mode=None',
    "at '/certificates/mode': value must be one of 'SelfSigned', 'CertManager', 'Secret'",
  )
  refuses(
    'certificates.issuerRef.kind=Issuer',
    "at '/certificates/issuerRef': properties 'name' required, if 'kind' exists",
  )
  refuses('replicas=0', "at '/replicas': minimum: got 0, want 1")
  refuses('replicas=two', "at '/replicas': got string, want integer")
  refuses('logLevel=trace', "at '/logLevel': value must be one of 'error', 'warn', 'info', 'debug'")
  refuses('watchNamespaces=shop', "at '/watchNamespaces': got string, want array")
  refuses('watchNamespaces={Shop}', "at '/watchNamespaces/0': 'Shop' does not match pattern")
  refuses('watchNamespaces={shop\\,shop}', "at '/watchNamespaces/0': 'shop,shop' does not match pattern")
  refuses('watchNamespaces={shop,shop}', "at '/watchNamespaces': items at 0 and 1 are equal")
  refuses('image.digest=sha256:abc', "at '/image/digest': 'sha256:abc' does not match pattern")
  refuses('image.repository=', "at '/image/repository': '' does not match pattern")
  refuses(
    'image.pullPolicy=Sometimes',
    "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
  )
  refuses('injection.drainTimeout=25', "at '/injection/drainTimeout': got number, want string")
  refuses('injection.drainTimeout=1 minute', "at '/injection/drainTimeout': '1 minute' does not match pattern")
  refuses('injection.bodyTotalMax=1GB', "at '/injection/bodyTotalMax': '1GB' does not match pattern")
  refuses('injection.answersMax=1GB', "at '/injection/answersMax': '1GB' does not match pattern")
  refuses('store.url=localhost:6379', "at '/store/url': 'localhost:6379' does not match pattern")
  refuses('store.onFailure=Deny', "at '/store/onFailure': value must be one of 'local-share', 'allow', 'deny'")
  refuses(
    'injection.env.OUTRIGGER_STORE=redis://r',
    'injection.env.OUTRIGGER_STORE: set store.existingSecret or store.url instead',
  )
  refuses('store.existingSecret=redis', "at '/store/existingSecret': got string, want object")
  refuses('store.existingSecret.name=Redis', "at '/store/existingSecret/name': 'Redis' does not match pattern")
  refuses('store.existingSecret.key=', "at '/store/existingSecret/key': '' does not match pattern")
  refuses(
    'store.url=redis://r,store.existingSecret.name=redis',
    'store.existingSecret.name: store.url is set too; keep one',
  )
  refuses(
    'injection.resources.limits.memory=lots',
    "at '/injection/resources/limits/memory': 'lots' does not match pattern",
  )
  refuses('injection.resources.claims=x', "at '/injection/resources': additional properties 'claims' not allowed")
  refuses('injection.env.A-B=1', "at '/injection/env': additional properties 'A-B' not allowed")
  refuses('nudge.rate=0', "at '/nudge/rate': minimum: got 0, want 1")
  refuses('networkPolicy.apiServerPorts={https}', "at '/networkPolicy/apiServerPorts/0': got string, want integer")
  refuses('crds.kep=false', "at '': additional properties 'kep' not allowed")
  refuses('crds.keep=no', "at '/crds/keep': got string, want boolean")
  refuses('fullnameOverride=Llm', "at '/fullnameOverride': 'Llm' does not match pattern")

  refuses('certificates.mode=Secret', 'certificates.secretName: certificates.mode Secret needs the name of a Secret')
  refuses('serviceAccount.create=false', 'serviceAccount.name: name the ServiceAccount that is there')
  refuses(
    'injection.env.OUTRIGGER_LOG_LEVEL=debug',
    'injection.env.OUTRIGGER_LOG_LEVEL: set injection.logLevel instead',
  )
  refuses('injection.env.OUTRIGGER_ADMIN=:1', 'injection.env.OUTRIGGER_ADMIN: injection sets this variable itself')
  refuses('injection.mode=Policy', 'injection.mode: Policy needs Kubernetes 1.36 or later', '1.35.2')
  refuses('replicas=2', 'chart requires kubeVersion: >=1.29.0-0', '1.28.9')
})

describeWithHelm('charts', () => {
  test('have nothing that helm lint would say more than a recommendation about', async () => {
    const { code, stdout } = await helm(['lint', '--strict', CHART, CRDS_CHART])
    expect(stdout.split('\n').filter((line) => /^\[(?!INFO\])/.test(line))).toEqual([])
    expect(code).toBe(0)
  })

  test('outrigger-crds makes definitions that stay, unless it is told otherwise', async () => {
    expect(await keptDefinitions(CRDS_CHART, [])).toEqual([true, true])
    expect(await keptDefinitions(CRDS_CHART, ['--set', 'keep=false'])).toEqual([false, false])
  })

  test('outrigger makes the same definitions, unless it is told otherwise', async () => {
    expect(await keptDefinitions(CHART, [])).toEqual([true, true])
    expect(await keptDefinitions(CHART, ['--set', 'crds.keep=false'])).toEqual([false, false])
    expect(await keptDefinitions(CHART, ['--set', 'crds.enabled=false'])).toEqual([])
  })

  test('the operator can read the settings of injection that are rendered', async () => {
    const values = [
      'injection.env.A=1',
      'injection.env.B=true',
      'injection.resources.limits.cpu=2',
      'injection.image.tag=0.0.9',
    ]
    const { stdout } = await template(['--set', values.join(',')])
    const text = parseManifests(stdout).get('ConfigMap outrigger/outrigger-injection') ?? ''
    const { data } = parse(text) as { data: Record<string, string> }
    expect(parseInjectionSettings(data['injection.json'] ?? '')).toMatchObject({
      settings: {
        version: '0.0.9',
        image: 'outrigger-dev/outrigger:0.0.9',
        resources: { limits: { cpu: '2', memory: '512Mi' } },
        env: expect.arrayContaining([
          { name: 'A', value: '1' },
          { name: 'B', value: 'true' },
        ]),
      },
    })
  })

  test('the operator may write every ConfigMap that a document can be cut into, what it remembers of limits, and no other', async () => {
    const { stdout } = await template([])
    const role = parse(parseManifests(stdout).get('ClusterRole outrigger') ?? '') as { rules: Rule[] }
    const writes = role.rules.filter(
      ({ resources, verbs }) => resources.includes('configmaps') && verbs.includes('patch'),
    )
    expect(writes.map(({ resourceNames }) => resourceNames)).toEqual([
      Array.from({ length: SHARDS_MAX }, (_, shard) => shardConfigMap(shard)),
      [LIMITS_CONFIG_MAP],
    ])
  })
})

describeWithHelm('the right to read the Secret of the store', () => {
  test.each([
    ['is given by name where no other rule gives it', ['ai', 'shop'], [['redis', ['get']]]],
    ['comes with those of the namespaces that are watched', ['ai', 'outrigger'], []],
    ['comes with those of all namespaces', [], []],
  ])('%s', async (_name, watched, expected) => {
    const values = ['--set', 'injection.mode=Off,store.existingSecret.name=redis']
    const { stdout } = await template([...values, '--set-json', `watchNamespaces=${JSON.stringify(watched)}`])
    const role = parse(parseManifests(stdout).get('Role outrigger/outrigger-own') ?? '') as { rules: Rule[] }
    const reads = role.rules.filter(({ resources }) => resources.includes('secrets'))
    expect(reads.flatMap(({ resourceNames, verbs }) => (resourceNames ?? ['*']).map((name) => [name, verbs]))).toEqual(
      expected,
    )
  })
})

interface Rule {
  resources: string[]
  resourceNames?: string[]
  verbs: string[]
}

async function keptDefinitions(chart: string, args: readonly string[]): Promise<boolean[]> {
  const { stdout } = await helm(['template', 'outrigger', chart, ...args])
  const definitions = stdout.split(/^---\n/m).filter((text) => text.includes('\nkind: CustomResourceDefinition\n'))
  return definitions.map((text) => {
    const { metadata } = parse(text) as { metadata: { annotations?: Record<string, string> } }
    return metadata.annotations?.['helm.sh/resource-policy'] === 'keep'
  })
}
