// The definitions of crds/ on a real API server: that it takes them, that it admits and refuses what file mode does, and that
// kubectl shows what it should. A control plane of its own, because definitions are everybody's.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { compile } from '../../operator/compile/compile.ts'
import { resolve } from '../../operator/resolve/resolve.ts'
import type { Snapshot } from '../../operator/resolve/snapshot.ts'
import { type StatusUpdate, statusesOf } from '../../operator/status/statuses.ts'
import { disagreement } from '../crds/agreement.ts'
import { type Apiserver, connectApiserver, type KubernetesObject } from '../crds/apiserver.ts'
import { BOUND_CASES } from '../crds/bound-cases.ts'
import { CRDS } from '../crds/custom-resource-definitions.ts'
import { LARGEST } from '../crds/largest.ts'
import { completeObjects, mutationsOf } from '../crds/mutations.ts'
import { RULE_CASES } from '../crds/rule-cases.ts'
import { type Cluster, startControlPlane } from './support/cluster.ts'
import { eventually } from './support/patience.ts'

const NAMESPACE = 'crds-test'
const EXAMPLES = path.join(CRDS, 'examples')
/** Characters of a disagreement: a whole object is no help. */
const SHOWN_MAX = 1000
const NAMES = ['llmproviders.outrigger.dev', 'llmroutes.outrigger.dev']

let folder: string
let cluster: Cluster
let apiserver: Apiserver

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'outrigger-crds-'))
  cluster = await startControlPlane(folder)
  await cluster.kubectl(['apply', '--server-side', '--filename', CRDS])
  await eventually('the definitions are established', () => established())
  await cluster.kubectl(['create', 'namespace', NAMESPACE])
  apiserver = connectApiserver(cluster.place.kubeconfig)
})

afterAll(async () => {
  apiserver?.close()
  await cluster?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function established(): Promise<boolean> {
  const conditions = await conditionsOf(NAMES)
  return conditions.every((lines) => lines.includes('Established True'))
}

async function conditionsOf(names: readonly string[]): Promise<string[][]> {
  const { items } = JSON.parse(await cluster.kubectl(['get', 'crd', ...names, '--output', 'json'])) as {
    items: { status: { conditions: { type: string; status: string }[] } }[]
  }
  return items.map(({ status }) => status.conditions.map(({ type, status: value }) => `${type} ${value}`))
}

/** What the two admissions say differently; none is what is expected. */
async function disagreements(objects: readonly KubernetesObject[]): Promise<string[]> {
  const found: string[] = []
  for (const object of objects) {
    const what = disagreement(object, await apiserver.create(object, NAMESPACE))
    if (what !== undefined) found.push(`${object.kind} ${object.metadata.name}: ${what}`.slice(0, SHOWN_MAX))
  }
  return found
}

function objectOf(kind: string, spec: object): KubernetesObject {
  return { apiVersion: 'outrigger.dev/v1alpha1', kind, metadata: { name: 'one' }, spec }
}

test('the API server has nothing to say against the definitions', async () => {
  const conditions = await conditionsOf(NAMES)
  expect(conditions.map((lines) => lines.sort())).toEqual([
    ['Established True', 'NamesAccepted True'],
    ['Established True', 'NamesAccepted True'],
  ])
})

describe('both admissions agree', () => {
  test('on every example of every CEL rule', async () => {
    const objects = RULE_CASES.flatMap(({ kind, valid, invalid }) =>
      [...valid, ...invalid].map((spec) => objectOf(kind, spec)),
    )
    expect(objects.length).toBeGreaterThan(500)
    expect(await disagreements(objects)).toEqual([])
  })

  test('on every bound', async () => {
    // JSON, which an API server is sent, has no NaN.
    const objects = BOUND_CASES.flatMap(([kind, , inside, outside]) =>
      [inside, outside].filter((spec) => !hasNaN(spec)).map((spec) => objectOf(kind, spec)),
    )
    expect(await disagreements(objects)).toEqual([])
  })

  test.each(completeObjects().map((object) => [`${object.kind} ${object.metadata.name}`, object] as const))(
    'on %s with anything in the place of anything',
    async (_, object) => {
      expect(await disagreements([object, ...mutationsOf(object).map(({ object: other }) => other)])).toEqual([])
    },
  )

  test('on the largest objects, whose rules stay within their budget', async () => {
    expect(await disagreements(LARGEST)).toEqual([])
  })
})

function hasNaN(value: unknown): boolean {
  return Number.isNaN(value) || (typeof value === 'object' && value !== null && Object.values(value).some(hasNaN))
}

describe('the examples', () => {
  test('are stored with the defaults that file mode gives them', async () => {
    const objects = (await exampleObjects()).filter(({ apiVersion }) => apiVersion.startsWith('outrigger.dev/'))
    expect(objects.length).toBeGreaterThan(10)
    expect(await disagreements(objects)).toEqual([])
  })

  test('can be applied, with the Secrets and Namespaces beside them', async () => {
    const items = await exampleObjects()
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    await cluster.kubectl(['apply', '--dry-run=server', '--namespace', NAMESPACE, '--filename', '-'], { input: list })
  })
})

/** All of them in one namespace: the others that they name need not be there. */
async function exampleObjects(): Promise<KubernetesObject[]> {
  const files = await readdir(EXAMPLES)
  const texts = await Promise.all(files.map((file) => readFile(path.join(EXAMPLES, file), 'utf8')))
  const objects = texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject),
  )
  return objects.map(({ metadata: { namespace: _, ...metadata }, ...object }) => ({ ...object, metadata }))
}

describe('kubectl', () => {
  test('explains every field', async () => {
    const { components } = JSON.parse(
      await cluster.kubectl(['get', '--raw', '/openapi/v3/apis/outrigger.dev/v1alpha1']),
    ) as { components: { schemas: Record<string, OpenApiSchema> } }
    const ours = Object.entries(components.schemas).filter(([name]) => /\.LLM(Provider|Route)$/.test(name))
    expect(ours).toHaveLength(2)
    expect(ours.flatMap(([name, schema]) => undescribed(schema, name))).toEqual([])
    for (const place of ['llmproviders', 'llmproviders.spec', 'llmroutes.spec.rules', 'llmroutes.status.conditions']) {
      expect(await cluster.kubectl(['explain', place])).not.toContain('<no description>')
    }
    expect(await cluster.kubectl(['explain', 'llmproviders.spec', '--recursive'])).toContain('upstreamName')
  })

  // It reads YAML 1.1, where a bare `on` is true; nothing may drop it in silence.
  test('is told to put "on" in quotes', async () => {
    const route = (on: string) => `
apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: retried}
spec: {rules: [{name: all, backends: [{provider: {name: openai}}], retry: {${on}: [Timeout]}}]}
`
    const args = ['apply', '--dry-run=server', '--namespace', NAMESPACE, '--filename', '-']
    await expect(cluster.kubectl(args, { input: route('on') })).rejects.toThrow('write "on" in quotes')
    expect(await cluster.kubectl(args, { input: route('"on"') })).toContain('created')
  })

  test('knows the kinds by their short names and categories', async () => {
    for (const name of ['llmp', 'llmr', 'llmprovider', 'llmroute', 'llm', 'outrigger']) {
      expect(await cluster.kubectl(['get', name, '--namespace', NAMESPACE, '--ignore-not-found'])).toBe('')
    }
  })
})

interface OpenApiSchema {
  description?: string
  properties?: Record<string, OpenApiSchema>
  additionalProperties?: OpenApiSchema
  items?: OpenApiSchema
}

/** Paths of fields without description. */
function undescribed({ properties = {}, items, additionalProperties }: OpenApiSchema, at: string): string[] {
  const inner = [items, additionalProperties].filter((member) => member !== undefined)
  return [
    ...Object.entries(properties)
      .filter(([, { description = '' }]) => description === '')
      .map(([name]) => `${at}.${name}`),
    ...Object.entries(properties).flatMap(([name, member]) => undescribed(member, `${at}.${name}`)),
    ...inner.flatMap((member) => undescribed(member, `${at}[]`)),
  ]
}

describe('a status', () => {
  const resources = `
apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: openai}
spec: {type: OpenAI, openAI: {}, models: [{name: gpt-5}, {name: gpt-5-mini}]}
status: {models: 99}
---
apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  rules:
  - name: all
    matches: [{models: [{value: fast}]}]
    backends: [{provider: {name: openai}, model: gpt-5}, {provider: {name: gone}}]
`

  beforeAll(async () => {
    await cluster.kubectl(['apply', '--namespace', NAMESPACE, '--filename', '-'], { input: resources })
  })

  async function snapshot(): Promise<Snapshot> {
    const read = async <Kind extends 'providers' | 'routes'>(kind: Kind): Promise<Snapshot[Kind]> => {
      const json = await cluster.kubectl(['get', `llm${kind}`, '--namespace', NAMESPACE, '--output', 'json'])
      return (JSON.parse(json) as { items: Snapshot[Kind] }).items
    }
    return { providers: await read('providers'), routes: await read('routes'), secrets: [], namespaces: [] }
  }

  async function updates(now: string): Promise<StatusUpdate[]> {
    const seen = await snapshot()
    const { problems, warnings } = compile(resolve(seen, NAMESPACE))
    const counts = { total: 12, current: 12, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }
    const [sidecarsOf, usesOf] = [() => counts, () => undefined]
    return statusesOf({ namespace: NAMESPACE, snapshot: seen, problems, warnings, sidecarsOf, usesOf, now })
  }

  async function write({ object: { apiVersion, kind, metadata }, status }: StatusUpdate): Promise<void> {
    const { name, namespace } = metadata
    const body = JSON.stringify({ apiVersion, kind, metadata: { name, namespace }, status })
    const args = ['--server-side', '--subresource=status', '--field-manager=outrigger-operator', '--filename', '-']
    await cluster.kubectl(['apply', ...args], { input: body })
  }

  /** A line without the age, which is its last column unless there are wide ones. */
  async function columns(what: string, ...args: string[]): Promise<string[][]> {
    const table = await cluster.kubectl(['get', what, '--namespace', NAMESPACE, ...args])
    return table.split('\n').flatMap((line) => (line === '' ? [] : [line.trim().split(/\s{2,}/)]))
  }

  test('in a file is dropped', async () => {
    expect((await snapshot()).providers.map(({ status }) => status)).toEqual([undefined])
  })

  test('is stored as the operator writes it, and not written again', async () => {
    const first = await updates('2026-11-21T10:00:00Z')
    expect(first.map(({ object }) => object.kind)).toEqual(['LLMProvider', 'LLMRoute'])
    for (const update of first) await write(update)
    const { providers, routes } = await snapshot()
    expect([...providers, ...routes].map(({ status }) => status)).toEqual(first.map(({ status }) => status))
    expect(await updates('2026-11-21T11:00:00Z')).toEqual([])
  })

  test('is what kubectl get shows', async () => {
    const [providerHead = [], provider = []] = await columns('llmp')
    expect(providerHead).toEqual(['NAME', 'TYPE', 'MODELS', 'ACCEPTED', 'PROGRAMMED', 'SIDECARS', 'AGE'])
    expect(provider.slice(0, -1)).toEqual(['openai', 'OpenAI', '2', 'True', 'True', '12/12'])
    const [routeHead = [], route = []] = await columns('llmr')
    expect(routeHead).toEqual(['NAME', 'RULES', 'ACCEPTED', 'RESOLVED', 'PROGRAMMED', 'SIDECARS', 'AGE'])
    expect(route.slice(0, -1)).toEqual(['chat', '1', 'True', 'False', 'True', '12/12'])
  })

  test('is what kubectl get shows wide, with the reason of what does not hold', async () => {
    const [providerHead, provider = []] = await columns('llmp', '--output', 'wide')
    expect(providerHead?.slice(-2)).toEqual(['RESOLVED', 'REASON'])
    expect(provider.slice(-1)).toEqual(['True'])
    const [routeHead, route = []] = await columns('llmr', '--output', 'wide')
    expect(routeHead?.slice(-2)).toEqual(['MODELS', 'REASON'])
    expect(route.slice(-2)).toEqual(['fast', 'ProviderNotFound'])
  })

  test('can be waited for', async () => {
    const wait = ['wait', 'llmp/openai', '--for=condition=Programmed', '--namespace', NAMESPACE, '--timeout=60s']
    expect(await cluster.kubectl(wait)).toContain('condition met')
  })

  test('shows the objects of both kinds by their category', async () => {
    const names = await cluster.kubectl(['get', 'llm', '--namespace', NAMESPACE, '--output', 'name'])
    expect(names.trim().split('\n')).toEqual(['llmprovider.outrigger.dev/openai', 'llmroute.outrigger.dev/chat'])
  })
})
