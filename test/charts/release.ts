// An API server of a test's own to install the charts into, because their cluster-scoped objects would meet those of other tests.
// It has no node, so no operator runs: what an operator may do is asked with its token.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { createKubeClient, type KubeClient } from '../../operator/kube/client.ts'
import { binary } from '../cluster/support/binaries.ts'
import { type Cluster, startControlPlane } from '../cluster/support/cluster.ts'
import { run } from '../cluster/support/command.ts'
import { CHART, HELM } from './helm.ts'

export interface Installation {
  /** stdout. Throws CommandError. */
  kubectl(args: readonly string[], input?: string): Promise<string>
  /** stdout. Throws CommandError. */
  helm(args: readonly string[], input?: string): Promise<string>
  /** Installs the chart, or upgrades it, as release `outrigger` in namespace `outrigger`. */
  apply(command: 'install' | 'upgrade', args?: readonly string[]): Promise<string>
  /** The operator's own client with the rights of its ServiceAccount; it must be there. */
  operator(): Promise<KubeClient>
}

const STARTED_MS = 1_800_000

/** Call what it returns inside tests only. The cluster has namespaces `ai`, `shop` and `other`; it is ended after the file's tests. */
export function installationForTests(): () => Installation {
  let folder = ''
  let cluster: Cluster | undefined
  let installation: Installation | undefined
  const clients: KubeClient[] = []

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'outrigger-chart-'))
    cluster = await startControlPlane(path.join(folder, 'cluster'))
    installation = createInstallation(cluster, HELM ?? (await binary('helm')), clients)
    for (const namespace of ['ai', 'shop', 'other']) await cluster.kubectl(['create', 'namespace', namespace])
  }, STARTED_MS)

  afterAll(async () => {
    for (const client of clients) client.close()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  }, STARTED_MS)

  return () => {
    if (installation === undefined) throw new Error('there is no cluster before beforeAll')
    return installation
  }
}

function createInstallation(
  { kubectl: clusterKubectl, place }: Cluster,
  program: string,
  clients: KubeClient[],
): Installation {
  const env = { KUBECONFIG: place.kubeconfig, HOME: place.folder }
  const options = (input: string | undefined): { input?: string } => (input === undefined ? {} : { input })
  const kubectl: Installation['kubectl'] = (args, input) => clusterKubectl(args, options(input))
  const helm: Installation['helm'] = (args, input) => run(program, args, { env, ...options(input) })
  return {
    kubectl,
    helm,
    apply: (command, args = []) => {
      const create = command === 'install' ? ['--create-namespace'] : []
      return helm([command, 'outrigger', CHART, '--namespace', 'outrigger', ...create, ...args])
    },
    async operator() {
      const token = await kubectl(['create', 'token', 'outrigger', '--namespace', 'outrigger', '--duration', '1h'])
      const config = JSON.parse(await kubectl(['config', 'view', '--raw', '--output', 'json'])) as {
        users: [{ user: object }]
      }
      config.users[0].user = { token }
      const kubeconfig = path.join(place.folder, 'operator.kubeconfig')
      await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
      const client = createKubeClient({ kubeconfig, userAgent: 'outrigger-test' })
      clients.push(client)
      return client
    },
  }
}
