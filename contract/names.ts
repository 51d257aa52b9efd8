// Names that both sides of the contract, the chart and the users rely on. Changing one is a breaking change.

export const API_GROUP = 'outrigger.dev'
export const API_VERSION = 'outrigger.dev/v1alpha1'

/** File in the mounted directory that holds the SidecarConfig document. */
export const CONFIG_FILE = 'config.json'

/** Folder in the mounted directory that holds one file per credential. */
export const CREDENTIALS_FOLDER = 'credentials'

/** Symlink that the kubelet's atomic writer swaps; a changed target means a new set of files. */
export const DATA_LINK = '..data'

export const DATA_PLANE_PORT = 8787
export const ADMIN_PORT = 8788

export const HEADER_REQUEST_ID = 'x-outrigger-request-id'
export const HEADER_PROVIDER = 'x-outrigger-provider'
export const HEADER_MODEL = 'x-outrigger-model'
export const HEADER_ATTEMPTS = 'x-outrigger-attempts'
export const HEADER_REASON = 'x-outrigger-reason'

/**
 * Where the key of one credential lies, relative to the mounted directory. The last part is also the key inside the
 * Secret, so it keeps to `[-._a-zA-Z0-9]+`; namespaces hold no dot, so the three parts cannot be confused.
 */
export function credentialFile(namespace: string, provider: string, credential: string): string {
  return `${CREDENTIALS_FOLDER}/${namespace}.${provider}.${credential}`
}
