import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import {
  containerSettings,
  fullReference,
  type ImageDescription,
  type Layer,
  packImage,
  splitReference,
} from '../../scripts/image/archive.ts'
import { fileEntry, renderTar } from '../../scripts/image/tar.ts'
import { contentOf, readTar } from './read-tar.ts'

interface Descriptor {
  mediaType: string
  digest: string
  size: number
  annotations?: Record<string, string>
  platform?: unknown
}

const DESCRIPTION: ImageDescription = {
  reference: 'outrigger:1.2.3',
  architecture: 'arm64',
  created: '2026-11-21T00:00:00.000Z',
  labels: { 'org.opencontainers.image.version': '1.2.3' },
  settings: containerSettings('outrigger.cjs'),
}
const LAYERS: readonly Layer[] = [
  { comment: 'runtime', entries: [fileEntry('usr/local/bin/node', 'node', 0o755)] },
  { comment: 'app', entries: [fileEntry('app/outrigger.cjs', 'bundle')] },
]

test('as an OCI image layout: index, manifest, configuration and layers lead to one another by digest and size', () => {
  const { digest, entries } = packImage(DESCRIPTION, LAYERS)
  const archive = readTar(Buffer.concat(renderTar(entries)))
  expect(json(contentOf(archive, 'oci-layout'))).toEqual({ imageLayoutVersion: '1.0.0' })
  const index = json(contentOf(archive, 'index.json')) as { manifests: [Descriptor] }
  const [entry] = index.manifests
  expect(entry.digest).toBe(digest)
  expect(entry.platform).toEqual({ architecture: 'arm64', os: 'linux' })
  expect(entry.annotations).toEqual({
    'io.containerd.image.name': 'docker.io/library/outrigger:1.2.3',
    'org.opencontainers.image.ref.name': '1.2.3',
  })
  const manifest = json(blob(archive, entry)) as { config: Descriptor; layers: Descriptor[] }
  const config = json(blob(archive, manifest.config)) as { rootfs: { diff_ids: string[] }; history: unknown[] }
  const names = manifest.layers.map((layer) => readTar(blob(archive, layer)).map((member) => member.path))
  expect(names).toEqual([['usr/local/bin/node'], ['app/outrigger.cjs']])
  expect(config.rootfs.diff_ids).toEqual(manifest.layers.map((layer) => layer.digest))
  expect(config.history).toHaveLength(2)
})

test('as docker save writes it: manifest.json points to the same configuration and layers', () => {
  const { entries } = packImage(DESCRIPTION, LAYERS)
  const archive = readTar(Buffer.concat(renderTar(entries)))
  const [image] = json(contentOf(archive, 'manifest.json')) as [
    { Config: string; RepoTags: string[]; Layers: string[] },
  ]
  expect(image.RepoTags).toEqual(['outrigger:1.2.3'])
  const config = json(contentOf(archive, image.Config)) as { rootfs: { diff_ids: string[] } }
  expect(image.Layers).toEqual(config.rootfs.diff_ids.map((id) => `blobs/sha256/${id.replace('sha256:', '')}`))
  for (const layer of image.Layers) expect(contentOf(archive, layer).length).toBeGreaterThan(0)
})

test('a container runs as 65532, Node with the bundle, with one malloc arena', () => {
  const { entries } = packImage(DESCRIPTION, LAYERS)
  const archive = readTar(Buffer.concat(renderTar(entries)))
  const [image] = json(contentOf(archive, 'manifest.json')) as [{ Config: string }]
  expect(json(contentOf(archive, image.Config))).toMatchObject({
    architecture: 'arm64',
    os: 'linux',
    created: '2026-11-21T00:00:00.000Z',
    config: {
      User: '65532:65532',
      Env: ['PATH=/usr/local/bin', 'MALLOC_ARENA_MAX=1'],
      Entrypoint: ['/usr/local/bin/node', '/app/outrigger.cjs'],
      WorkingDir: '/',
      Labels: { 'org.opencontainers.image.version': '1.2.3' },
    },
  })
})

test('another time of creation leaves the layers as they are', () => {
  const layersOf = (created: string) => {
    const archive = readTar(Buffer.concat(renderTar(packImage({ ...DESCRIPTION, created }, LAYERS).entries)))
    return (json(contentOf(archive, 'manifest.json')) as [{ Layers: string[] }])[0].Layers
  }
  expect(layersOf('2027-01-01T00:00:00.000Z')).toEqual(layersOf(DESCRIPTION.created))
})

test.each([
  ['o:1', 'docker.io/library/o:1'],
  ['outrigger:1', 'docker.io/library/outrigger:1'],
  ['team/outrigger:1', 'docker.io/team/outrigger:1'],
  ['localhost/outrigger:test', 'localhost/outrigger:test'],
  ['registry.example:5000/a/b:1', 'registry.example:5000/a/b:1'],
])('%s is filed as %s, as a kubelet asks for it', (reference, expected) => {
  expect(fullReference(reference)).toBe(expected)
})

test.each(['outrigger', 'Outrigger:1', 'outrigger:', ':1', 'outrigger:1 2', 'localhost:5000/outrigger'])(
  'refuses the name %j',
  (reference) => {
    expect(() => splitReference(reference)).toThrow('--tag: expected NAME:TAG')
  },
)

function blob(archive: ReturnType<typeof readTar>, { digest, size }: Descriptor): Buffer {
  const content = contentOf(archive, `blobs/sha256/${digest.replace('sha256:', '')}`)
  expect(`sha256:${createHash('sha256').update(content).digest('hex')}`).toBe(digest)
  expect(content.length).toBe(size)
  return content
}

function json(content: Buffer): unknown {
  return JSON.parse(content.toString())
}
