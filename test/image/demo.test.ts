// The demo without a cluster: its manifests are admitted and safe, its application asks and counts.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import OpenAI from 'openai'
import { parseAllDocuments } from 'yaml'
import { VERSION } from '../../cli/version.ts'
import { ask, newCounts } from '../../demo/asking.ts'
import { startMock } from '../../mock/server.ts'
import { outrigger } from '../support/command.ts'

interface Manifest {
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  spec: { template: { metadata: { labels: Record<string, string> }; spec: PodSpec } }
}

interface PodSpec {
  securityContext: unknown
  containers: { name: string; image: string; securityContext: unknown; args?: string[]; env?: unknown }[]
}

const FOLDER = path.join(import.meta.dirname, '../../demo')
const DEPLOYMENTS = ['app.yaml', 'mock.yaml'].flatMap(manifests).filter(({ kind }) => kind === 'Deployment')

test('provider and route are admitted and compile without a problem', async () => {
  const { code, stdout, stderr } = await outrigger([
    'compile',
    '-f',
    path.join(FOLDER, 'provider.yaml'),
    '--namespace',
    'demo',
  ]).finished
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('"baseURL": "http://mock.demo.svc:8789/v1"')
})

test('the namespace enforces Pod Security restricted, and every container keeps to it', () => {
  const [namespace] = manifests('app.yaml')
  expect(namespace?.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  for (const { spec } of DEPLOYMENTS) {
    expect(spec.template.spec.securityContext).toEqual({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const container of spec.template.spec.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    }
  }
})

test('the application asks for injection and has no environment of its own; images bear the version', () => {
  const [app, mock] = DEPLOYMENTS.map(({ spec }) => spec.template)
  expect(app?.metadata.labels).toMatchObject({ 'outrigger.dev/inject': 'true' })
  expect(app?.spec.containers.map(({ image, env }) => ({ image, env }))).toEqual([
    { image: `outrigger-demo:${VERSION}`, env: undefined },
  ])
  expect(mock?.metadata.labels).not.toHaveProperty('outrigger.dev/inject')
  expect(mock?.spec.containers.map(({ image, args }) => ({ image, args }))).toEqual([
    { image: `outrigger:${VERSION}`, args: ['mock', '--listen', '0.0.0.0:8789'] },
  ])
})

test('an answer and a failure each give a line and are counted', async () => {
  const mock = await startMock()
  const client = new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'any', maxRetries: 0 })
  const counts = newCounts()
  const answered = await ask(client, counts, () => 0)
  mock.next({ status: '503' }, {})
  const failed = await ask(client, counts, () => 0)
  await mock.close()
  expect(answered).toMatch(/^1 200 \S+ by nobody in between in 0 ms: .+/)
  expect(failed).toMatch(/^2 failed in 0 ms: 503/)
  expect(counts).toMatchObject({ asked: 2, answered: 1, failed: 1, lastError: expect.stringContaining('503') })
  expect(Object.values(counts.models)).toEqual([1])
})

function manifests(file: string): Manifest[] {
  const text = readFileSync(path.join(FOLDER, file), 'utf8')
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}
