// What one namespace's document and credentials look like as objects of the Kubernetes API. Goes in: what compile made, and
// the values of the Secrets that it refers to. Comes out: the ConfigMaps and the Secret as they are to be applied, and the
// names of those that must not be there; or why nothing can be published. It asks nobody, and equal input gives equal bytes,
// so `hash` tells whether anything has to be written at all.
//
// All or nothing: a document that is cut down to fit would be a policy that is not enforced, so the last one stays. Several
// objects are never written at one moment; the sidecar tells by names and hashes what belongs together and waits for the rest.
// The values stay wrapped here: `secretBody` takes them out, at the moment of sending.
import { createHash } from 'node:crypto'
import {
  CREDENTIALS_SECRET,
  SHARDS_MAX,
  STORE_URL_FILE,
  STORE_VERSION_ANNOTATION,
  shardConfigMap,
} from '../../contract/names.ts'
import type { SecretValue } from '../../contract/secret.ts'
import type { Compiled } from '../compile/compile.ts'
import { type Metadata, metadataOf } from './metadata.ts'
import { type Contents, OBJECT_BYTES_MAX, packDocument, type TooLarge } from './pack.ts'
import { type SecretObject, secretBytes } from './secret-object.ts'

export interface ConfigMapObject extends Contents {
  apiVersion: 'v1'
  kind: 'ConfigMap'
  metadata: Metadata
}

export interface RenderedObjects {
  /**
   * In the order in which they are best written, behind the Secret: `outrigger-config`, which makes the sidecars look for
   * the rest, comes last. Until then they keep what they have.
   */
  configMaps: ConfigMapObject[]
  /** Undefined when there is no credential, and no store. */
  secret: SecretObject | undefined
  /** All others that this namespace may have from another document. To be deleted when the rest is written. */
  unneeded: { kind: 'ConfigMap' | 'Secret'; name: string }[]
  /** Of all of them, 64 hex digits. Values count by the version of their Secret, in a file's name or an annotation. */
  hash: string
}

/**
 * `tooLarge`: it cannot be published, whatever is done. `missing`: files without a value, because a Secret has changed since
 * compile; there is news of it under way.
 */
export type Rendered = RenderedObjects | { tooLarge: TooLarge } | { missing: string[] }

/** `values` by file; those that are not among the credentials are left out. Nothing is thrown. */
export function renderObjects(
  namespace: string,
  { config, credentials }: Pick<Compiled, 'config' | 'credentials'>,
  values: ReadonlyMap<string, SecretValue>,
): Rendered {
  const packed = packDocument(config)
  if ('tooLarge' in packed) return packed
  const named = new Map<string, SecretValue>()
  const missing: string[] = []
  for (const file of credentials.map(({ file }) => file).sort()) {
    const value = values.get(file)
    if (value === undefined) missing.push(file)
    else named.set(file, value)
  }
  if (missing.length > 0) return { missing }
  const bytes = secretBytes(named)
  if (bytes > OBJECT_BYTES_MAX) return { tooLarge: { what: 'Credentials', bytes, bytesMax: OBJECT_BYTES_MAX } }
  const storeVersion = credentials.find(({ file }) => file === STORE_URL_FILE)?.secret.version
  return objectsOf(packed.contents, named, { namespace, revision: config.revision, storeVersion })
}

function objectsOf(
  contents: Contents[],
  values: ReadonlyMap<string, SecretValue>,
  { namespace, revision, storeVersion }: { namespace: string; revision: string; storeVersion: string | undefined },
): RenderedObjects {
  const configMaps = contents
    .map((each, shard): ConfigMapObject => {
      const metadata = metadataOf(namespace, shardConfigMap(shard), revision)
      return { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...each }
    })
    .reverse()
  const data = Object.fromEntries(values)
  // Without the revision: it changes with keys only, and is not one more object that every kubelet has to read again.
  const metadata: Metadata = {
    ...metadataOf(namespace, CREDENTIALS_SECRET),
    ...(storeVersion !== undefined && { annotations: { [STORE_VERSION_ANNOTATION]: storeVersion } }),
  }
  const secret: SecretObject | undefined =
    values.size === 0 ? undefined : { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }
  return {
    configMaps,
    secret,
    unneeded: [
      ...Array.from({ length: SHARDS_MAX }, (_, shard) => shardConfigMap(shard))
        .slice(contents.length)
        .map((name) => ({ kind: 'ConfigMap' as const, name })),
      ...(secret === undefined ? [{ kind: 'Secret' as const, name: CREDENTIALS_SECRET }] : []),
    ],
    // The Secret's names only: its values are `[redacted]` here.
    hash: createHash('sha256')
      .update(JSON.stringify([configMaps, secret ?? null]))
      .digest('hex'),
  }
}
