// What a cluster of a hundred teams holds: the objects, as they are created. Pure: numbers in, objects out.

export const NODES = 20
export const NAMESPACES = 100
/** In each namespace: as many pods, routes and Secrets of the applications' own. */
export const PER_NAMESPACE = 10
export const PODS = NAMESPACES * PER_NAMESPACE
export const PROVIDERS = 20
export const PROVIDER_NAMESPACE = 'ai'
/** Every route names it, so a change of it concerns every pod. */
export const PROVIDER_OF_ALL = providerName(0)

/** Open to all namespaces; the next five to a quarter of them, by label; the last five to their own. */
const OPEN_TO_ALL = 10
const OPEN_BY_LABEL = 5

export const FAKE_NODE = { apiVersion: 'v1', kind: 'Node' }

export function nodeName(index: number): string {
  return `node-${index}`
}

export function namespaceName(index: number): string {
  return `team-${String(index).padStart(3, '0')}`
}

export function routeName(index: number): string {
  return `route-${index}`
}

export function podName(index: number): string {
  return `app-${index}`
}

function providerName(index: number): string {
  return `provider-${String(index).padStart(2, '0')}`
}

export function namespaces(): object[] {
  const teams = Array.from({ length: NAMESPACES }, (_, index) => {
    return { name: namespaceName(index), labels: { team: `t${index}`, tier: index % 4 === 0 ? 'gold' : 'silver' } }
  })
  return [{ name: PROVIDER_NAMESPACE }, ...teams].map((metadata) => ({ apiVersion: 'v1', kind: 'Namespace', metadata }))
}

/** The providers' keys, and what else lies in the namespaces. */
export function secrets(): object[] {
  const keys = each(PROVIDERS, (index) => secret(PROVIDER_NAMESPACE, providerName(index), `key-of-${index}`))
  const others = each(NAMESPACES, (namespace) =>
    each(PER_NAMESPACE, (index) => secret(namespaceName(namespace), `other-${index}`, 'x'.repeat(1024))),
  )
  return [...keys, ...others.flat()]
}

function secret(namespace: string, name: string, value: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: { 'api-key': value } }
}

export function providers(): object[] {
  return each(PROVIDERS, (index) => ({
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMProvider',
    metadata: { name: providerName(index), namespace: PROVIDER_NAMESPACE },
    spec: {
      type: 'OpenAI',
      openAI: { baseURL: `https://${providerName(index)}.example.com/v1` },
      credentials: [{ name: 'primary', secretRef: { name: providerName(index), key: 'api-key' } }],
      models: each(5, (model) => ({
        name: `model-${model}`,
        price: { inputPerMillion: '0.25', cachedInputPerMillion: '0.025', outputPerMillion: '2.00' },
        contextWindow: 400_000,
      })),
      access: { namespaces: accessOf(index) },
    },
  }))
}

function accessOf(index: number): object {
  if (index < OPEN_TO_ALL) return { from: 'All' }
  if (index < OPEN_TO_ALL + OPEN_BY_LABEL) return { from: 'Selector', selector: { matchLabels: { tier: 'gold' } } }
  return { from: 'Same' }
}

/** Each selects one pod. */
export function routes(): object[] {
  return each(NAMESPACES, (namespace) =>
    each(PER_NAMESPACE, (index) => ({
      apiVersion: 'outrigger.dev/v1alpha1',
      kind: 'LLMRoute',
      metadata: { name: routeName(index), namespace: namespaceName(namespace) },
      spec: {
        workloads: { matchLabels: { app: podName(index) } },
        rules: [
          {
            name: 'fast',
            matches: [{ models: [{ value: 'fast' }] }],
            backends: [
              {
                provider: { name: providerName(1 + (index % (OPEN_TO_ALL - 1))), namespace: PROVIDER_NAMESPACE },
                model: 'model-0',
                weight: 9,
              },
              { provider: { name: PROVIDER_OF_ALL, namespace: PROVIDER_NAMESPACE }, model: 'model-1', weight: 1 },
            ],
            timeouts: { firstByte: '30s' },
          },
          { name: 'rest', backends: [{ provider: { name: PROVIDER_OF_ALL, namespace: PROVIDER_NAMESPACE } }] },
        ],
      },
    })),
  ).flat()
}

export function pods(): object[] {
  return each(NAMESPACES, (namespace) =>
    each(PER_NAMESPACE, (index) => pod(namespaceName(namespace), podName(index), 'true')),
  ).flat()
}

/** Already on a node, as there is no scheduler. */
export function pod(namespace: string, name: string, inject: 'true' | 'false'): object {
  const labels = { app: name, 'outrigger.dev/inject': inject, 'app.kubernetes.io/part-of': namespace }
  const node = (Number(namespace.slice(-3)) + Number(name.slice(4))) % NODES
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations: { 'example.com/checksum': 'a'.repeat(64) } },
    spec: {
      nodeName: nodeName(node),
      containers: [
        {
          name: 'app',
          image: 'registry.example/app:1',
          env: each(10, (index) => ({ name: `SETTING_${index}`, value: `value of setting ${index}` })),
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          ports: [{ containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        },
      ],
    },
  }
}

function each<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
