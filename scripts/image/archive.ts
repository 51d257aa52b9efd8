// Packs layers into one archive that is an OCI image layout (oci-layout, index.json, blobs) and what `docker save` writes
// (manifest.json pointing to the same blobs) at once, so that docker, containerd, podman, skopeo and kind all load it. In: layers
// and settings. Out: the archive's entries and the digests. Layers stay uncompressed, as `docker save` leaves them: the bytes
// then depend on no compressor's version, and a registry client compresses what it pushes.
import { createHash } from 'node:crypto'
import { APP_FOLDER, NODE_PATH, USER_ID } from './rootfs.ts'
import { type Entry, fileEntry, renderTar, sizeOf, withParents } from './tar.ts'

/** Beside the files, all that a container needs; the Dockerfile says the same, which a test holds. */
export interface ContainerSettings {
  user: string
  environment: Readonly<Record<string, string>>
  /** The pod's args come behind it. */
  entrypoint: readonly string[]
  workingDirectory: string
}

export interface ImageDescription {
  /** `name:tag`, with or without a registry. */
  reference: string
  architecture: string
  /** ISO 8601. */
  created: string
  labels: Readonly<Record<string, string>>
  settings: ContainerSettings
}

export interface Layer {
  /** For `docker history`. */
  comment: string
  entries: readonly Entry[]
}

export interface ImageArchive {
  entries: Entry[]
  /** `sha256:…` of the manifest: the image's digest. */
  digest: string
}

interface Blob {
  chunks: readonly Uint8Array[]
  hex: string
  size: number
}

const TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const

/** As bin/outrigger starts it, which a test holds: one malloc arena makes the process smaller. */
export function containerSettings(entryFile: string): ContainerSettings {
  return {
    user: `${USER_ID}:${USER_ID}`,
    environment: { PATH: '/usr/local/bin', MALLOC_ARENA_MAX: '1' },
    entrypoint: [NODE_PATH, `${APP_FOLDER}/${entryFile}`],
    workingDirectory: '/',
  }
}

export function packImage(description: ImageDescription, layers: readonly Layer[]): ImageArchive {
  const layerBlobs = layers.map(({ entries }) => blobOf(renderTar(entries)))
  const config = jsonBlob(configOf(description, layers, layerBlobs))
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: TYPE.manifest,
    config: descriptor(TYPE.config, config),
    layers: layerBlobs.map((blob) => descriptor(TYPE.layer, blob)),
  })
  const blobs = new Map([...layerBlobs, config, manifest].map((blob) => [blob.hex, blob]))
  return {
    digest: `sha256:${manifest.hex}`,
    entries: withParents([
      fileEntry('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })),
      fileEntry('index.json', JSON.stringify(indexOf(description, manifest))),
      fileEntry('manifest.json', JSON.stringify([dockerManifest(description.reference, config, layerBlobs)])),
      ...[...blobs.values()].map(
        (blob): Entry => ({ kind: 'File', path: blobPath(blob), mode: 0o644, chunks: blob.chunks }),
      ),
    ]),
  }
}

/**
 * The name that Kubernetes' runtimes file an image under: what names no registry belongs to docker.io, and there, without a
 * folder, to library. Kubelets expand the `image` of a container in the same way.
 */
export function fullReference(reference: string): string {
  const [first = '', ...rest] = reference.split('/')
  if (rest.length === 0) return `docker.io/library/${reference}`
  return /[.:]|^localhost$/.test(first) ? reference : `docker.io/${reference}`
}

/** Throws for a reference without a tag, or one that nothing could load. */
export function splitReference(reference: string): { name: string; tag: string } {
  const parts = /^([a-z0-9](?:[a-z0-9._/:-]*[a-z0-9])?):(\w[\w.-]{0,127})$/.exec(reference)
  const [, name, tag] = parts ?? []
  if (name === undefined || tag === undefined) {
    throw new Error(`--tag: expected NAME:TAG in lower case, such as outrigger:0.1.0, not "${reference}"`)
  }
  return { name, tag }
}

function configOf(description: ImageDescription, layers: readonly Layer[], blobs: readonly Blob[]): unknown {
  const { architecture, created, labels, settings } = description
  return {
    created,
    architecture,
    os: 'linux',
    config: {
      User: settings.user,
      Env: Object.entries(settings.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: settings.entrypoint,
      WorkingDir: settings.workingDirectory,
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: blobs.map(({ hex }) => `sha256:${hex}`) },
    history: layers.map(({ comment }) => ({ created, created_by: 'scripts/image.ts', comment })),
  }
}

function indexOf({ reference, architecture }: ImageDescription, manifest: Blob): unknown {
  const annotations = {
    'io.containerd.image.name': fullReference(reference),
    'org.opencontainers.image.ref.name': splitReference(reference).tag,
  }
  const entry = { ...descriptor(TYPE.manifest, manifest), platform: { architecture, os: 'linux' }, annotations }
  return { schemaVersion: 2, mediaType: TYPE.index, manifests: [entry] }
}

function dockerManifest(reference: string, config: Blob, layers: readonly Blob[]): unknown {
  return { Config: blobPath(config), RepoTags: [reference], Layers: layers.map(blobPath) }
}

function descriptor(mediaType: string, { hex, size }: Blob): object {
  return { mediaType, digest: `sha256:${hex}`, size }
}

function blobPath({ hex }: Blob): string {
  return `blobs/sha256/${hex}`
}

function jsonBlob(value: unknown): Blob {
  return blobOf([Buffer.from(JSON.stringify(value))])
}

function blobOf(chunks: readonly Uint8Array[]): Blob {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return { chunks, hex: hash.digest('hex'), size: sizeOf(chunks) }
}
