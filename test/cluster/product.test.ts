// Outrigger on a real cluster, as its users have it: the chart is installed, resources are applied, a labelled Deployment asks through
// the official SDK, and everything that may change does, one thing after another, while the questions go on. After each change:
// what it should bring is there, and not one question failed.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Mock, startMock } from '../../mock/server.ts'
import {
  apply,
  type Counts,
  countsOfAll,
  mockProvider,
  moreAnswers,
  namespace,
  type PodAddress,
  podSpec,
  podsOf,
  rolledOut,
  traffic,
} from './support/applications.ts'
import { attachCluster, type Cluster } from './support/cluster.ts'
import { eventually, type Patience } from './support/patience.ts'
import {
  createRelease,
  type Images,
  killOperators,
  OPERATOR_NAMESPACE,
  provideImages,
  type Release,
} from './support/product.ts'

const SHOP = 'product-shop'
const AI = 'product-ai'
const MINUTES = 60_000

/**
 * After an API server was away, client-go's watches come back after a wait of 30 to 60 s, and after a second one because the server
 * has lost its history: those of kube-proxy, without which no operator reaches the API server that took its address out of its
 * Service when it ended, and those of the kubelet. These two minutes are Kubernetes' own; the rest is Outrigger's, twice over.
 */
const BACK_IN_TOUCH = { withinMs: 4 * MINUTES }

let cluster: Cluster
let images: Images
let release: Release
/** A provider inside this process, which can be asked what it received. */
let recorded: Mock

beforeAll(async () => {
  const attached = await attachCluster()
  if (attached === undefined) throw new Error('no cluster is up: make test-cluster starts one')
  cluster = attached
  images = await provideImages(cluster)
  release = await createRelease(cluster, images)
  recorded = await startMock({ host: cluster.place.server.hostname })
  await release.remove()
  await release.apply()
}, 10 * MINUTES)

afterAll(async () => {
  await recorded?.close()
  await cluster?.kubectl(['delete', 'namespace', SHOP, AI, '--ignore-not-found', '--timeout=120s'])
  await release?.remove()
}, 5 * MINUTES)

const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl(args, { timeoutMs: 200_000 })

function secret(key: string, resourceNamespace = AI) {
  const metadata = { name: 'keys', namespace: resourceNamespace }
  return { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'api-key': key } }
}

function provider(name: string, baseURL: string) {
  return {
    ...{ apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMProvider', metadata: { name, namespace: AI } },
    spec: {
      type: 'OpenAI',
      openAI: { baseURL },
      credentials: [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' } }],
      models: [{ name: 'gpt-5-mini' }, { name: 'gpt-5' }],
      access: { namespaces: { from: 'Selector', selector: { matchLabels: { ai: 'allowed' } } } },
    },
  }
}

type Weights = Readonly<Record<string, number>>

function route(name: string, weights: Weights) {
  const backends = Object.entries(weights).map(([target, weight]) => {
    const [providerName, model] = target.split(' ')
    return { provider: { name: providerName, namespace: AI }, model: model ?? 'gpt-5-mini', weight }
  })
  const rule = { name: 'chat', matches: [{ models: [{ value: 'chat' }] }], backends }
  return {
    ...{ apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMRoute', metadata: { name, namespace: SHOP } },
    spec: { workloads: { matchLabels: { app: 'shop' } }, rules: [rule] },
  }
}

/** Of the last answers of all pods: who gave them. */
async function answeredBy(pods: readonly PodAddress[], count: number): Promise<Counts['providers']> {
  const before = await countsOfAll(pods)
  const after = await moreAnswers(pods, count)
  const more = Object.entries(after.providers).map(
    ([name, all]) => [name, all - (before.providers[name] ?? 0)] as const,
  )
  return Object.fromEntries(more.filter(([, answers]) => answers > 0))
}

/** Runs the change while the application asks; not one of its questions may fail, then nor in the time after it. */
async function underTraffic(pods: readonly PodAddress[], change: () => Promise<void>): Promise<void> {
  const before = await moreAnswers(pods, 5)
  await change()
  const after = await moreAnswers(pods, 50)
  expect({ failed: after.failed - before.failed, errors: after.errors }).toEqual({ failed: 0, errors: before.errors })
}

async function conditionOf(resource: string, name: string, type: string, inNamespace: string) {
  const text = await kubectl('get', resource, name, '--namespace', inNamespace, '--output', 'json')
  const { status } = JSON.parse(text) as {
    status?: { conditions?: { type: string; status: string; reason: string }[] }
  }
  const found = status?.conditions?.find((condition) => condition.type === type)
  return found && `${found.status} ${found.reason}`
}

async function leader(): Promise<string> {
  return await kubectl(
    ...['get', 'lease', 'outrigger-operator', '--namespace', OPERATOR_NAMESPACE],
    ...['--output', 'jsonpath={.spec.holderIdentity}'],
  )
}

describe('a labelled Deployment', () => {
  let pods: PodAddress[] = []

  beforeAll(async () => {
    await apply(cluster, namespace(AI), namespace(SHOP, { ai: 'allowed' }))
    await apply(cluster, ...mockProvider('mock', AI, images), secret('sk-first'))
    await rolledOut(cluster, AI, 'mock')
    await apply(cluster, provider('pod', `http://mock.${AI}.svc:8789/v1`), provider('recorded', `${recorded.url}/v1`))
    await apply(cluster, route('chat', { pod: 1 }))
    await apply(cluster, traffic('shop', SHOP, images, 2))
    await rolledOut(cluster, SHOP, 'shop')
    pods = await podsOf(cluster, SHOP, 'shop')
  }, 10 * MINUTES)

  test('asks through its sidecars, and gets answers from a provider that runs as a pod', async () => {
    expect(pods).toHaveLength(2)
    expect(Object.keys(await answeredBy(pods, 20))).toEqual([`${AI}/pod`])
  })

  test('is counted in the status of the provider and of the route', async () => {
    for (const [kind, name, where] of [
      ['llmprovider', 'pod', AI],
      ['llmroute', 'chat', SHOP],
    ] as const) {
      await eventually(`${kind} is programmed`, async () => {
        return (await conditionOf(kind, name, 'Programmed', where)) === 'True Programmed'
      })
      const path = '{.status.sidecars.total} {.status.sidecars.current} {.status.sidecars.outdated}'
      expect(await kubectl('get', kind, name, '--namespace', where, '--output', `jsonpath=${path}`)).toBe('2 2 0')
    }
  })

  test('follows the weights of a route', async () => {
    await underTraffic(pods, async () => {
      await apply(cluster, route('chat', { recorded: 1 }))
      await eventually('the other provider answers', async () => {
        return Object.keys(await answeredBy(pods, 10)).join() === `${AI}/recorded`
      })
      await apply(cluster, route('chat', { pod: 1, recorded: 1 }))
      await eventually('both answer', async () => Object.keys(await answeredBy(pods, 20)).length === 2)
    })
  })

  test('follows a rotated key', async () => {
    await underTraffic(pods, async () => {
      await apply(cluster, secret('sk-second'))
      await recorded.waitFor(({ rawHeaders }) => rawHeaders.includes('Bearer sk-second'))
      await eventually('the first key is out of use', async () => {
        recorded.clear()
        await moreAnswers(pods, 20)
        return (
          recorded.requests.length > 0 &&
          !recorded.requests.some(({ rawHeaders }) => rawHeaders.includes('Bearer sk-first'))
        )
      })
    })
  })

  test('follows a provider that is added, and one that is removed', async () => {
    await underTraffic(pods, async () => {
      await apply(cluster, provider('third', `${recorded.url}/v1`), route('chat', { third: 1, pod: 1 }))
      await eventually('the new one answers', async () => `${AI}/third` in (await answeredBy(pods, 10)))
      await kubectl('delete', 'llmprovider', 'third', '--namespace', AI)
      await eventually('the one that is left answers alone', async () => {
        return Object.keys(await answeredBy(pods, 10)).join() === `${AI}/pod`
      })
      await eventually('the status says what is missing', async () => {
        return (await conditionOf('llmroute', 'chat', 'ResolvedRefs', SHOP)) === 'False ProviderNotFound'
      })
      await apply(cluster, route('chat', { pod: 1 }))
    })
  })

  test('goes on beside a broken route, which says what is wrong', async () => {
    await underTraffic(pods, async () => {
      const broken = route('broken', { nobody: 1 })
      broken.spec.rules[0]?.matches[0]?.models.splice(0, 1, { value: 'other' })
      await apply(cluster, broken)
      await eventually('the status says so', async () => {
        return (await conditionOf('llmroute', 'broken', 'ResolvedRefs', SHOP)) === 'False ProviderNotFound'
      })
      await kubectl('delete', 'llmroute', 'broken', '--namespace', SHOP)
    })
  })

  test('goes on when the leading operator is killed, and changes arrive again', async () => {
    await underTraffic(pods, async () => {
      killOperators(await leader())
      await followsAgain()
    })
  })

  test('goes on when all operators are killed at once', async () => {
    await underTraffic(pods, async () => {
      const names = await kubectl(
        'get',
        'pods',
        '--namespace',
        OPERATOR_NAMESPACE,
        '--output',
        'jsonpath={.items[*].metadata.name}',
      )
      killOperators(...names.split(' '))
      await moreAnswers(pods, 50)
      await followsAgain()
    })
  })

  test('goes on when the leader leaves in peace, and another one leads within seconds', async () => {
    await underTraffic(pods, async () => {
      const before = await leader()
      await kubectl('delete', 'pod', before, '--namespace', OPERATOR_NAMESPACE, '--wait=false')
      await eventually('another one leads', async () => ![before, ''].includes(await leader()))
      await followsAgain()
    })
  })

  test('goes on while there is no operator at all', async () => {
    await underTraffic(pods, async () => {
      await kubectl('scale', 'deployment', 'outrigger', '--namespace', OPERATOR_NAMESPACE, '--replicas=0')
      await kubectl('delete', 'pods', '--all', '--namespace', OPERATOR_NAMESPACE, '--grace-period=0', '--force')
      await moreAnswers(pods, 100)
      await kubectl('scale', 'deployment', 'outrigger', '--namespace', OPERATOR_NAMESPACE, '--replicas=2')
      await rolledOut(cluster, OPERATOR_NAMESPACE, 'outrigger')
      await followsAgain()
    })
  })

  test(
    'goes on while the API server is down for 30 seconds',
    async () => {
      // The provider is outside the cluster here, as providers are: after an API server was away, nodes count as lost for some
      // seconds, and with them the Services of their pods.
      await answersFrom('recorded')
      await underTraffic(pods, async () => {
        await cluster.endProgram('kube-apiserver')
        const until = Date.now() + 30_000
        await eventually('half a minute is over', () => Date.now() > until)
        await moreAnswers(pods, 20)
        await cluster.startComponent('kube-apiserver')
        await eventually('the API server is back', () => kubectl('get', '--raw', '/readyz'))
        await followsAgain('recorded', BACK_IN_TOUCH)
      })
      await eventually('the pods of the provider are ready again', () =>
        kubectl('wait', 'pods', '--all', '--for=condition=Ready', '--namespace', AI, '--timeout=5s'),
      )
      await answersFrom('pod')
    },
    10 * MINUTES,
  )

  test('goes on when the webhook gets new certificates, which inject at once', async () => {
    await underTraffic(pods, async () => {
      await kubectl('delete', 'secret', 'outrigger-webhook-tls', '--namespace', OPERATOR_NAMESPACE)
      await eventually('there are new ones', () =>
        kubectl('get', 'secret', 'outrigger-webhook-tls', '--namespace', OPERATOR_NAMESPACE),
      )
      const metadata = { name: 'after-rotation', namespace: SHOP, labels: { 'outrigger.dev/inject': 'true' } }
      const spec = podSpec({ name: 'app', image: images.traffic })
      await eventually('pods are injected', async () => {
        await apply(cluster, { apiVersion: 'v1', kind: 'Pod', metadata, spec } as never)
        const names = '{.spec.initContainers[*].name}'
        return (
          (await kubectl('get', 'pod', metadata.name, '--namespace', SHOP, '--output', `jsonpath=${names}`)) ===
          'outrigger'
        )
      })
      await kubectl('delete', 'pod', metadata.name, '--namespace', SHOP, '--wait=false')
    })
  })

  test(
    'goes on while the chart is upgraded',
    async () => {
      await underTraffic(pods, async () => {
        await release.apply({ logLevel: 'debug' })
        await followsAgain()
      })
    },
    10 * MINUTES,
  )

  test('goes on when the sidecar’s image is changed in place', async () => {
    await underTraffic(pods, async () => {
      const [pod] = pods
      const patch = [{ op: 'replace', path: '/spec/initContainers/0/image', value: images.outriggerAgain }]
      await kubectl(
        'patch',
        'pod',
        pod?.name ?? '',
        '--namespace',
        SHOP,
        '--type=json',
        `--patch=${JSON.stringify(patch)}`,
      )
      await eventually('the sidecar was started again', async () => {
        const count = '{.status.initContainerStatuses[0].restartCount} {.status.initContainerStatuses[0].started}'
        const at = ['--namespace', SHOP, '--output', `jsonpath=${count}`]
        return /^[1-9]\d* true$/.test(await kubectl('get', 'pod', pod?.name ?? '', ...at))
      })
      await eventually('the status counts the other image', async () => {
        const path = '{.status.sidecars.imageOutdated} {.status.sidecars.current}'
        return (await kubectl('get', 'llmroute', 'chat', '--namespace', SHOP, '--output', `jsonpath=${path}`)) === '1 2'
      })
    })
  })

  test('ends what it has begun when its pod is drained', async () => {
    const [pod] = pods as [PodAddress]
    const before = await countsOfAll([pod])
    const log = cluster.kubectl(['logs', pod.name, '--namespace', SHOP, '--container', 'app', '--follow'])
    await kubectl('delete', 'pod', pod.name, '--namespace', SHOP)
    const last = JSON.parse((await log).trim().split('\n').at(-1) ?? '') as Counts
    expect({ failed: last.failed - before.failed, errors: last.errors }).toEqual({ failed: 0, errors: before.errors })
    expect(last.answered).toBeGreaterThan(before.answered)
  })

  async function answersFrom(name: string): Promise<void> {
    await apply(cluster, route('chat', { [name]: 1 }))
    await eventually(`${name} answers`, async () => Object.keys(await answeredBy(pods, 10)).join() === `${AI}/${name}`)
  }

  /** A change still arrives: the operator that leads now does its work. */
  async function followsAgain(target = 'pod', patience: Patience = {}): Promise<void> {
    for (const [name, model] of [
      ['another model', 'gpt-5'],
      ['the first model', 'gpt-5-mini'],
    ]) {
      await eventually(`${name} is applied`, () =>
        apply(cluster, route('chat', { [`${target} ${model}`]: 1 })).then(() => true),
      )
      const answers = async (): Promise<boolean> => {
        const before = await countsOfAll(pods)
        const after = await moreAnswers(pods, 10)
        return (
          (after.models[model as string] ?? 0) - (before.models[model as string] ?? 0) >=
          after.answered - before.answered
        )
      }
      await eventually(`${name} answers`, answers, patience)
    }
  }
})
