import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { OBJECT_BYTES_MAX } from '../../../operator/render/pack.ts'
import { type RenderedObjects, renderObjects } from '../../../operator/render/render.ts'
import { secretBody } from '../../../operator/render/secret-object.ts'
import { seeded } from '../../support/random.ts'
import { sidecarConfig } from '../../support/sidecar-config.ts'
import { type CompiledDocument, compiledDocument } from './documents.ts'

const KIB = 1024
const MIB = 1024 * KIB

const SMALL = compiledDocument(seeded(1), 100, 'Even')

function rendered(document: CompiledDocument): RenderedObjects {
  const objects = renderObjects('shop', document, document.values)
  if (!('hash' in objects)) throw new Error(`not rendered: ${JSON.stringify(objects)}`)
  return objects
}

test('a document that fits lies in one ConfigMap, as text, and its credentials in one Secret', () => {
  const { configMaps, secret } = rendered(SMALL)
  const metadata = { namespace: 'shop', labels: { 'app.kubernetes.io/managed-by': 'outrigger' } }
  const annotations = { 'outrigger.dev/revision': SMALL.config.revision }
  expect(configMaps).toEqual([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'outrigger-config', ...metadata, annotations },
      data: { 'config.json': JSON.stringify(SMALL.config) },
    },
  ])
  expect(secret && secretBody(secret)).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'outrigger-credentials', ...metadata },
    type: 'Opaque',
    data: {
      'ai.openai.key-0.4711': Buffer.from('sk-canary-0-ü').toString('base64'),
      'ai.openai.key-1.4711': Buffer.from('sk-canary-1-ü').toString('base64'),
    },
  })
})

test('nothing that prints or serialises the objects shows a value, until they are sent', () => {
  const objects = rendered(SMALL)
  const shown = [
    JSON.stringify(objects),
    JSON.stringify(objects.secret),
    inspect(objects, { depth: null, showHidden: true }),
  ].join('\n')
  expect(shown).toContain('"ai.openai.key-0.4711":"[redacted]"')
  for (const { file } of SMALL.credentials) {
    const value = SMALL.values.get(file)?.reveal() ?? ''
    for (const text of [value, Buffer.from(value).toString('base64')]) expect(shown).not.toContain(text)
  }
})

test('the Secret holds exactly the files of the document, whatever else there is a value for', () => {
  const values = new Map([...SMALL.values, ['ai.other.key.1', new SecretValue('sk-other')]])
  const objects = renderObjects('shop', SMALL, values)
  expect('secret' in objects && Object.keys(objects.secret?.data ?? {})).toEqual([...SMALL.values.keys()])
})

test('a document without credentials needs no Secret', () => {
  const objects = rendered({ config: sidecarConfig({}), credentials: [], values: new Map() })
  expect([objects.secret, objects.unneeded.at(-1)]).toEqual([
    undefined,
    { kind: 'Secret', name: 'outrigger-credentials' },
  ])
})

test('the URL of the store lies beside them, and the version of its Secret tells one value from another', () => {
  const hashes = ['1', '2'].map((version) => {
    const secret = { namespace: 'outrigger', name: 'redis', key: 'url', version }
    const objects = rendered({
      config: SMALL.config,
      credentials: [...SMALL.credentials, { file: 'store-url', secret }],
      values: new Map([...SMALL.values, ['store-url', new SecretValue('redis://:hunter2@redis')]]),
    })
    expect(objects.secret?.metadata.annotations).toEqual({ 'outrigger.dev/store-version': version })
    expect(objects.secret && secretBody(objects.secret).data['store-url']).toBe(
      Buffer.from('redis://:hunter2@redis').toString('base64'),
    )
    return objects.hash
  })
  expect(new Set([...hashes, rendered(SMALL).hash]).size).toBe(3)
})

test('a credential whose value is not there any more keeps the whole from being published', () => {
  expect(renderObjects('shop', SMALL, new Map([...SMALL.values].slice(1)))).toEqual({
    missing: ['ai.openai.key-0.4711'],
  })
})

test('a document that does not fit is gzip, the same on every machine', () => {
  const document = compiledDocument(seeded(2), 2 * MIB, 'Even')
  const { configMaps } = rendered(document)
  expect(configMaps.map(({ data, binaryData }) => [data, Object.keys(binaryData ?? {})])).toEqual([
    [undefined, ['config.json.gz']],
  ])
  const gzip = Buffer.from(configMaps[0]?.binaryData?.['config.json.gz'] ?? '', 'base64')
  // RFC 1952: no flags, no time, no extra, system unknown.
  expect(gzip.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff')
  expect(gunzipSync(gzip).toString()).toBe(JSON.stringify(document.config))
})

test('one that does not fit as gzip either lies in pieces, whose index is written last', () => {
  const { configMaps, unneeded } = rendered(compiledDocument(seeded(3), 3 * MIB, 'Random'))
  const names = ['outrigger-config-2', 'outrigger-config-1', 'outrigger-config']
  expect(configMaps.map(({ metadata }) => metadata.name)).toEqual(names)
  expect(unneeded).toEqual([3, 4, 5, 6, 7].map((shard) => ({ kind: 'ConfigMap', name: `outrigger-config-${shard}` })))
  const { shards } = JSON.parse(configMaps[2]?.data?.['config.index.json'] ?? '')
  const hashes = configMaps.map(({ binaryData }) => {
    const [[file, base64] = ['', '']] = Object.entries(binaryData ?? {})
    return { file, sha256: createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex') }
  })
  expect(hashes.reverse()).toEqual(shards)
})

const TOO_LARGE: [what: string, document: () => CompiledDocument, expected: object][] = [
  ['a document', () => compiledDocument(seeded(4), 68 * MIB, 'Even'), { what: 'Document', bytesMax: 64 * MIB }],
  [
    'a document that is too large as gzip',
    () => compiledDocument(seeded(5), 11 * MIB, 'Random'),
    { what: 'CompressedDocument', bytesMax: 8 * OBJECT_BYTES_MAX },
  ],
  [
    'credentials',
    () => compiledDocument(seeded(6), 10, 'Even', 14_000),
    { what: 'Credentials', bytesMax: OBJECT_BYTES_MAX },
  ],
]

test.each(TOO_LARGE)('%s beyond what objects can hold: a value that says by how much', (_, create, expected) => {
  const document = create()
  const objects = renderObjects('shop', document, document.values)
  expect(objects).toEqual({ tooLarge: { bytes: expect.any(Number), ...expected } })
  const { bytes = 0, bytesMax = 0 } = 'tooLarge' in objects ? objects.tooLarge : {}
  expect(bytes).toBeGreaterThan(bytesMax)
})

test('credentials count by the bytes of their values', () => {
  const [file = ''] = SMALL.values.keys()
  const credentials = SMALL.credentials.slice(0, 1)
  const of = (text: string) =>
    renderObjects('shop', { ...SMALL, credentials }, new Map([[file, new SecretValue(text)]]))
  expect(of('x'.repeat(OBJECT_BYTES_MAX - KIB))).toHaveProperty('hash')
  expect(of('ü'.repeat(OBJECT_BYTES_MAX / 2))).toHaveProperty('tooLarge')
})

test('the hash is equal for equal input, and for nothing else', () => {
  const hashOf = (namespace: string, document: CompiledDocument): unknown => {
    const objects = renderObjects(namespace, document, document.values)
    return 'hash' in objects ? objects.hash : objects
  }
  const { hash } = rendered(SMALL)
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(hashOf('shop', compiledDocument(seeded(1), 100, 'Even'))).toBe(hash)
  expect(hashOf('shop', { ...SMALL, credentials: SMALL.credentials.toReversed() })).toBe(hash)
  const others = [
    hashOf('cart', SMALL),
    hashOf('shop', { ...SMALL, config: { ...SMALL.config, revision: '0123456789abcdef' } }),
    hashOf('shop', { ...SMALL, credentials: SMALL.credentials.slice(1) }),
  ]
  expect(new Set([hash, ...others]).size).toBe(4)
})
