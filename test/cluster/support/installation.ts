// What the tests of the product begin with: the chart installed on the cluster, and a provider inside the test's own process, which
// can be asked what it received. Afterwards all of it is taken away, so that no file inherits another's state.
import { afterAll, beforeAll } from '@jest/globals'
import { type Mock, startMock } from '../../../mock/server.ts'
import { attachCluster, type Cluster } from './cluster.ts'
import { createRelease, type Images, provideImages, type Release } from './product.ts'

export interface Installation {
  cluster: Cluster
  images: Images
  release: Release
  /** Pods reach it at its `url`. */
  provider: Mock
  /** As cluster-admin; stdout. */
  kubectl(...args: readonly string[]): Promise<string>
  /** The same, for `--output json`. */
  read<T>(...args: readonly string[]): Promise<T>
}

export interface InstallationOptions {
  /** Of the chart. */
  values?: Readonly<Record<string, string>>
  /** The file's own: deleted before and after. */
  namespaces: readonly string[]
}

const MINUTES = 60_000
const KUBECTL_MS = 200_000

/** Call what it returns inside hooks and tests only. */
export function installationForTests({ values, namespaces }: InstallationOptions): () => Installation {
  let installation: Installation | undefined
  const get = (): Installation => {
    if (installation === undefined) throw new Error('no cluster is up: make test-cluster starts one')
    return installation
  }
  beforeAll(async () => {
    const cluster = await attachCluster()
    if (cluster !== undefined) installation = await createInstallation(cluster)
    await remove(get(), namespaces)
    await get().release.apply(values)
  }, 10 * MINUTES)
  afterAll(async () => {
    await installation?.provider.close()
    if (installation !== undefined) await remove(installation, namespaces)
  }, 5 * MINUTES)
  return get
}

async function createInstallation(cluster: Cluster): Promise<Installation> {
  const images = await provideImages(cluster)
  const release = await createRelease(cluster, images)
  const provider = await startMock({ host: cluster.place.server.hostname })
  const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl(args, { timeoutMs: KUBECTL_MS })
  return {
    ...{ cluster, images, release, provider, kubectl },
    read: async <T>(...args: readonly string[]) => JSON.parse(await kubectl(...args, '--output', 'json')) as T,
  }
}

/** The release first: without its webhook nothing holds up what ends. */
async function remove({ release, kubectl }: Installation, namespaces: readonly string[]): Promise<void> {
  await release.remove()
  await kubectl('delete', 'namespace', ...namespaces, '--ignore-not-found', '--timeout=120s')
}
