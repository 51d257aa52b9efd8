// Outrigger's resources as manifests, and what the operator says of them. In: names, and what matters to a test. Out: manifests for
// `apply`, conditions, events, metrics.
import type { ConditionReason, ConditionType } from '../../../operator/api/condition.ts'
import type { Manifest } from './applications.ts'
import type { Installation } from './installation.ts'
import { OPERATOR_NAMESPACE } from './product.ts'

const API_VERSION = 'outrigger.dev/v1alpha1'

/** Names the Secret, in the provider's namespace, and the key in it that `provider` refers to. */
export const KEYS = 'keys'
export const KEY = 'api-key'

export function secret(namespace: string, name: string, stringData: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData }
}

/** Of type OpenAI, with a key of Secret `keys`. `spec` wins. */
export function provider(namespace: string, name: string, baseURL: string, spec: object = {}): Manifest {
  const credentials = [{ name: 'primary', secretRef: { name: KEYS, key: KEY } }]
  return {
    ...{ apiVersion: API_VERSION, kind: 'LLMProvider', metadata: { name, namespace } },
    spec: { type: 'OpenAI', openAI: { baseURL }, credentials, models: [{ name: 'chat' }], ...spec },
  }
}

export interface RouteOptions {
  /** Labels of the pods; all by default. */
  workloads?: Readonly<Record<string, string>>
  backends: readonly { provider: { name: string; namespace?: string }; model?: string }[]
  limits?: readonly object[]
}

/** One rule, for every request. */
export function route(namespace: string, name: string, { workloads, ...rule }: RouteOptions): Manifest {
  return {
    ...{ apiVersion: API_VERSION, kind: 'LLMRoute', metadata: { name, namespace } },
    spec: { ...(workloads && { workloads: { matchLabels: workloads } }), rules: [{ name: 'all', ...rule }] },
  }
}

export interface Reported {
  kind: 'LLMProvider' | 'LLMRoute'
  namespace: string
  name: string
}

export interface ReportedCondition {
  type: ConditionType
  status: string
  reason: ConditionReason
  message: string
  observedGeneration: number
}

export interface ReportedStatus {
  observedGeneration?: number
  sidecars?: Record<'total' | 'current' | 'outdated' | 'missing' | 'unreachable', number>
  conditions?: ReportedCondition[]
}

/** Empty before the operator has looked at the object. */
export async function statusOf(
  installation: Installation,
  { kind, namespace, name }: Reported,
): Promise<ReportedStatus> {
  const object = await installation.read<{ status?: ReportedStatus }>('get', kind, name, '--namespace', namespace)
  return object.status ?? {}
}

export async function conditionOf(
  installation: Installation,
  object: Reported,
  type: ConditionType,
): Promise<ReportedCondition | undefined> {
  return (await statusOf(installation, object)).conditions?.find((condition) => condition.type === type)
}

/** `True Programmed`; undefined before the operator has looked at the object. */
export async function verdictOf(
  installation: Installation,
  object: Reported,
  type: ConditionType,
): Promise<string | undefined> {
  const condition = await conditionOf(installation, object, type)
  return condition && `${condition.status} ${condition.reason}`
}

export interface ToldEvent {
  type: string
  reason: string
  note: string
  regarding: { kind: string; name: string }
}

/** What was told about one object. */
export async function eventsOf(
  installation: Installation,
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
): Promise<ToldEvent[]> {
  const { items } = await installation.read<{ items: ToldEvent[] }>(
    ...['get', 'events.events.k8s.io', '--namespace', namespace],
  )
  return items.filter(({ regarding }) => regarding.kind === kind && regarding.name === name)
}

/** The page of metrics of the operator that leads. */
export async function operatorMetrics({ kubectl }: Installation): Promise<string> {
  const holder = await kubectl(
    ...['get', 'lease', 'outrigger-operator', '--namespace', OPERATOR_NAMESPACE],
    ...['--output', 'jsonpath={.spec.holderIdentity}'],
  )
  const ip = await kubectl(
    ...['get', 'pod', holder, '--namespace', OPERATOR_NAMESPACE, '--output', 'jsonpath={.status.podIP}'],
  )
  return await (await fetch(`http://${ip}:8080/metrics`)).text()
}
