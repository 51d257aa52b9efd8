// Names that both sides of the contract, the chart and the users rely on. Changing one is a breaking change.

export const API_GROUP = 'outrigger.dev'
export const API_VERSION = 'outrigger.dev/v1alpha1'

/** On a pod template, `"true"`: asks for the sidecar. */
export const INJECT_LABEL = 'outrigger.dev/inject'

/** On an injected pod: the version of Outrigger that injected it. */
export const INJECTED_ANNOTATION = 'outrigger.dev/injected'

/** On a published ConfigMap: the revision that it holds. On a pod: the one that the operator last nudged it for. */
export const REVISION_ANNOTATION = 'outrigger.dev/revision'

export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by'
export const MANAGED_BY = 'outrigger'

/** Who owns the fields that the operator applies. */
export const FIELD_MANAGER = 'outrigger-operator'

/** In each namespace with injected pods: the document, and the files that it names. */
export const CONFIG_MAP = 'outrigger-config'
export const CREDENTIALS_SECRET = 'outrigger-credentials'

/**
 * In a namespace whose pods share limits: what is used up of them when no pod is left to tell (`operator/shares/ledger.ts`). Not labelled
 * as what is published, since no sidecar reads it.
 */
export const LIMITS_CONFIG_MAP = 'outrigger-limits'

/** ConfigMap of one shard; shard 0 lies in CONFIG_MAP itself. */
export function shardConfigMap(shard: number): string {
  return shard === 0 ? CONFIG_MAP : `${CONFIG_MAP}-${shard}`
}

export const SIDECAR_CONTAINER = 'outrigger'
export const VOLUME = 'outrigger'
export const MOUNT_PATH = '/etc/outrigger'

/**
 * Files in the mounted directory, which is flat. The SidecarConfig document is in one of three forms: as it is, as gzip, or
 * as an index (`shard-index.ts`) of the pieces of that gzip. Beside it lie the pod's labels and one file per credential.
 */
export const CONFIG_FILE = 'config.json'
export const CONFIG_GZIP_FILE = 'config.json.gz'
export const CONFIG_INDEX_FILE = 'config.index.json'
export const LABELS_FILE = 'labels'

export const SHARDS_MAX = 8

/** File of one shard, counted from 0. */
export function shardFile(shard: number): string {
  return `${CONFIG_GZIP_FILE}.${shard}`
}

/** Of a document, uncompressed. A sidecar reads no larger one, so none is published. */
export const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024

/**
 * Holds the URL of the store, password and all; in the mounted directory, and key of the published Secret. It has one name for good,
 * since a pod's spec names it, and no credential's: they have two dots.
 */
export const STORE_URL_FILE = 'store-url'

/** Beside it, in PEM, what TLS to the store takes that the URL names no files for: authorities, a client certificate and its key. */
export const STORE_CA_FILE = 'store-ca.crt'
export const STORE_CERTIFICATE_FILE = 'store-tls.crt'
export const STORE_KEY_FILE = 'store-tls.key'

/** On the published Secret: the version of the Secret that the store's files were taken from. */
export const STORE_VERSION_ANNOTATION = 'outrigger.dev/store-version'

/** Symlink that the kubelet's atomic writer swaps; a changed target means a new set of files. */
export const DATA_LINK = '..data'

export const DATA_PLANE_PORT = 8787
export const ADMIN_PORT = 8788

export const HEADER_REQUEST_ID = 'x-outrigger-request-id'
export const HEADER_PROVIDER = 'x-outrigger-provider'
export const HEADER_MODEL = 'x-outrigger-model'
export const HEADER_ATTEMPTS = 'x-outrigger-attempts'
export const HEADER_REASON = 'x-outrigger-reason'
/** On answers: budgets that have passed one of their `warnAtPercent`, as `id percent %`, separated by commas. */
export const HEADER_BUDGET = 'x-outrigger-budget'

/**
 * File of one credential: `namespace.provider.credential`, and `.version` where its Secret has one, so that another value is
 * another file: a document names the values that it was made for. Namespaces and credentials hold no dot, so as long as all
 * names of a set have a version, or none has, no two are equal. It is also the key inside the published Secret.
 */
export function credentialFile(namespace: string, provider: string, credential: string, version?: string): string {
  // Else provider `json` with a credential `gz` of namespace `config` would be taken for everybody's document.
  const first = namespace === 'config' ? '_config' : namespace
  return [first, provider, credential, ...(version === undefined ? [] : [version])].join('.')
}
