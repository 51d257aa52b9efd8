// A real API server with two namespaces for injection: in one the chart's policy injects, in the other the real webhook, in
// this process. Both have the settings that the chart renders. The server is the site's own, because what injects elsewhere
// would inject here, too; without a node, because nothing needs to run.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { type InjectionSettings, parseInjectionSettings } from '../../operator/inject/settings.ts'
import { issueCa, issueLeaf } from '../../operator/kube/issue-certificate.ts'
import { startWebhook, type Webhook } from '../../operator/webhook.ts'
import { template } from '../charts/helm.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { type Cluster, startControlPlane } from './support/cluster.ts'
import { CommandError } from './support/command.ts'
import { eventually } from './support/patience.ts'

export type Mode = 'Policy' | 'Webhook'

/** What Pod Security enforces: nothing, or all that it can. */
export type Security = 'Privileged' | 'Restricted'

/** A pod as the API server would store it, without what differs between any two; or what it said. */
export type Created = { pod: unknown } | { refused: string }

export interface InjectionSite {
  /** A dry run: nothing is stored. */
  create(mode: Mode, pod: object, security?: Security): Promise<Created>
  /** What the API server's type checker says of the chart's expressions. */
  typeWarnings(): Promise<unknown[]>
  close(): Promise<void>
}

/** A pod with this label gets another container once it is injected, by a policy that is not the chart's. */
export const ADDED_LABEL = 'example.com/added'

/** Any pod that asks for injection. Without a token, whose mount depends on when the other container is added. */
export const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shop', labels: { 'outrigger.dev/inject': 'true', [ADDED_LABEL]: 'true' } },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'shop', image: 'registry.example/shop:1' }] },
}

const MODES: readonly Mode[] = ['Policy', 'Webhook']
const SECURITIES: readonly Security[] = ['Privileged', 'Restricted']

interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string; labels?: object }
}

interface WebhookConfiguration extends KubernetesObject {
  webhooks: { clientConfig: object }[]
}

/** `values` are the chart's. */
export async function openInjectionSite(values: object): Promise<InjectionSite> {
  const rendered = await render('Webhook', values)
  const policies = (await render('Policy', values)).filter(isPolicy)
  const server = await serve(settingsOf(rendered))
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-injection-'))
  const cluster = await startControlPlane(folder)
  const site: InjectionSite = {
    create: (mode, pod, security = 'Privileged') => create(cluster, namespaceName(mode, security), pod),
    typeWarnings: () => eventually('expressions are checked', () => typeWarnings(cluster)),
    async close() {
      await cluster.stop()
      await rm(folder, { recursive: true, force: true })
      await server.webhook.close()
    },
  }
  const configurations = rendered.filter(isWebhookConfiguration).map((configuration) => calling(configuration, server))
  const objects = [
    ...MODES.flatMap((mode) => SECURITIES.map((security) => namespace(mode, security))),
    ...policies,
    ...configurations,
    ...addsContainer(),
  ]
  await cluster.kubectl(['apply', '--filename', '-'], {
    input: objects.map((object) => stringify(object)).join('---\n'),
  })
  // An API server looks at its policies and webhooks with a delay.
  for (const mode of MODES) await eventually(`injection by ${mode}`, () => isInjected(site, mode))
  return site
}

function namespace(mode: Mode, security: Security): KubernetesObject {
  const labels = { 'pod-security.kubernetes.io/enforce': security.toLowerCase() }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaceName(mode, security), labels } }
}

function namespaceName(mode: Mode, security: Security): string {
  return `${mode}-${security}`.toLowerCase()
}

async function isInjected(site: InjectionSite, mode: Mode): Promise<boolean> {
  const text = JSON.stringify(await site.create(mode, POD))
  return text.includes('"name":"outrigger"') && text.includes('"name":"added"')
}

async function render(mode: Mode, values: object): Promise<KubernetesObject[]> {
  const all = { watchNamespaces: SECURITIES.map((security) => namespaceName(mode, security)), ...values }
  const { code, stdout, stderr } = await template([
    ...Object.entries(all).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]),
    ...['--set', `injection.mode=${mode}`],
  ])
  if (code !== 0) throw new Error(stderr)
  const documents = parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject | null)
  return documents.filter((object) => object !== null)
}

function isPolicy({ kind, metadata: { name } }: KubernetesObject): boolean {
  return /^(Mutating|Validating)AdmissionPolicy(Binding)?$/.test(kind) && name.endsWith('-injection')
}

function isWebhookConfiguration(object: KubernetesObject): object is WebhookConfiguration {
  return object.kind === 'MutatingWebhookConfiguration'
}

function settingsOf(rendered: readonly KubernetesObject[]): InjectionSettings {
  const configMap = rendered.find(({ kind, metadata: { name } }) => kind === 'ConfigMap' && name.endsWith('-injection'))
  const { data = {} } = (configMap ?? {}) as { data?: Readonly<Record<string, string>> }
  const parsed = parseInjectionSettings(data['injection.json'] ?? '')
  if ('problems' in parsed) throw new Error(parsed.problems.join('; '))
  return parsed.settings
}

interface Server {
  webhook: Webhook
  /** PEM. */
  ca: string
}

async function serve(settings: InjectionSettings): Promise<Server> {
  const ca = await issueCa(Date.now())
  const certificate = await issueLeaf(ca, ['localhost'], Date.now())
  const webhook = await startWebhook({
    address: { host: '::', port: 0 },
    certificate: () => certificate,
    settings: () => settings,
    admitted: () => undefined,
    log: recordedLog(),
    linger: async () => undefined,
  })
  return { webhook, ca: ca.cert }
}

/** The chart's names a Service, behind which there is no pod here. */
function calling(configuration: WebhookConfiguration, { webhook, ca }: Server): WebhookConfiguration {
  const clientConfig = {
    url: `https://localhost:${webhook.port}/inject`,
    caBundle: Buffer.from(ca).toString('base64'),
  }
  return { ...configuration, webhooks: configuration.webhooks.map((each) => ({ ...each, clientConfig })) }
}

/** Policies run in an order that nobody promises, and before webhooks: it may be asked before injection, and again after. */
function addsContainer(): KubernetesObject[] {
  const metadata = { name: 'adds-container' }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const expression = `has(object.metadata.annotations) && 'outrigger.dev/injected' in object.metadata.annotations
    && !object.spec.containers.exists(c, c.name == 'added')
    ? [JSONPatch{op: 'add', path: '/spec/containers/-', value: {'name': 'added', 'image': 'registry.example/added:1'}}] : []`
  const policy = {
    ...{ apiVersion, kind: 'MutatingAdmissionPolicy', metadata },
    spec: {
      failurePolicy: 'Fail',
      reinvocationPolicy: 'IfNeeded',
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        objectSelector: { matchLabels: { [ADDED_LABEL]: 'true' } },
      },
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
    },
  }
  const binding = { apiVersion, kind: 'MutatingAdmissionPolicyBinding', metadata, spec: { policyName: metadata.name } }
  return [policy, binding]
}

async function create(cluster: Cluster, namespace: string, pod: object): Promise<Created> {
  const { metadata } = pod as { metadata?: object }
  const input = JSON.stringify({ ...pod, metadata: { ...metadata, namespace } })
  try {
    const args = ['create', '--dry-run=server', '--validate=ignore', '--output', 'json', '--filename', '-']
    return { pod: comparable(await cluster.kubectl(args, { input })) }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return { refused: error.stderr.replace(/^Warning: .*\n/gm, '').replaceAll(namespace, 'NAMESPACE') }
  }
}

/** Random names, and when and where. */
function comparable(text: string): unknown {
  const pod = JSON.parse(text.replace(/kube-api-access-\w+/g, 'kube-api-access')) as { metadata: object }
  const { name, namespace, uid, creationTimestamp, ...metadata } = pod.metadata as Record<string, unknown>
  return { ...pod, metadata }
}

/** Undefined until all policies are checked. */
async function typeWarnings({ kubectl }: Cluster): Promise<unknown[] | undefined> {
  const { items } = JSON.parse(await kubectl(['get', 'validatingadmissionpolicies', '--output', 'json'])) as {
    items: { status?: { typeChecking?: { expressionWarnings?: unknown[] } } }[]
  }
  const checked = items.flatMap(({ status }) => status?.typeChecking ?? [])
  return checked.length === items.length
    ? checked.flatMap(({ expressionWarnings }) => expressionWarnings ?? [])
    : undefined
}
