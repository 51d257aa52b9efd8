// Outrigger itself on a test's cluster: its image, built from these sources, and its chart. In: a cluster. Out: helm, and pods that
// ask through it. Every file's tests install it anew and take it away, so that none inherits another's state.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { binary } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { run } from './command.ts'
import { imageReferences, importImage, tagImage } from './containers.ts'

const ROOT = path.join(import.meta.dirname, '../../..')
const CHART = path.join(ROOT, 'charts/outrigger')

export const OPERATOR_NAMESPACE = 'outrigger'

export interface Images {
  /** `localhost/outrigger:TAG`. */
  outrigger: string
  /** The same image under another tag. */
  outriggerAgain: string
  /** apps/traffic.ts. */
  traffic: string
  /** apps/prober.ts. */
  prober: string
}

/** Builds and imports; what has not changed since is not imported again. */
export async function provideImages(cluster: Cluster): Promise<Images> {
  await run('make', ['--no-print-directory', 'build'], { cwd: ROOT })
  const outrigger = await provide(cluster, 'outrigger', [])
  const traffic = await provideApp(cluster, 'traffic')
  const prober = await provideApp(cluster, 'prober')
  const outriggerAgain = outrigger.replace(/:/, '-again:')
  await tagImage(cluster.place, outrigger, outriggerAgain)
  return { outrigger, outriggerAgain, traffic, prober }
}

/** Image of apps/NAME.ts. */
export async function provideApp(cluster: Cluster, name: string): Promise<string> {
  return await provide(cluster, name, ['--app', `test/cluster/apps/${name}.ts`])
}

async function provide(cluster: Cluster, name: string, flags: readonly string[]): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outrigger-image-'))
  try {
    // Twice: the tag is in the archive, and is to say what is in it.
    const build = async (tag: string): Promise<string> => {
      const file = path.join(folder, `${tag}.tar`)
      const line = ['scripts/image.ts', '--tag', `localhost/${name}:${tag}`, '--out', file, '--sbom', 'none', ...flags]
      await run(process.execPath, line, { cwd: ROOT })
      return file
    }
    const digest = createHash('sha256')
      .update(await readFile(await build('any')))
      .digest('hex')
      .slice(0, 12)
    const reference = `localhost/${name}:${digest}`
    if (!(await imageReferences(cluster.place)).includes(reference))
      await importImage(cluster.place, await build(digest))
    return reference
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** SIGKILL for the processes of these pods: their containers start again, and nobody was told. Throws when there are none. */
export function killOperators(...podNames: readonly string[]): void {
  const wanted = podNames.map((name) => `OUTRIGGER_POD_NAME=${name}`)
  const found = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && wanted.some((word) => environment(pid).includes(word)),
  )
  if (found.length < podNames.length) throw new Error(`no processes of ${podNames.join(', ')}`)
  for (const pid of found) process.kill(Number(pid), 'SIGKILL')
}

function environment(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}

export interface Release {
  /** `helm upgrade --install`; values as for --set. */
  apply(values?: Readonly<Record<string, string>>): Promise<void>
  /** `helm uninstall`, and nothing else. */
  uninstall(): Promise<void>
  /** Takes away the release, its CRDs, and with them every LLMProvider and LLMRoute. */
  remove(): Promise<void>
}

export async function createRelease(cluster: Cluster, images: Images): Promise<Release> {
  const helm = await binary('helm')
  const env = { KUBECONFIG: cluster.place.kubeconfig, HOME: cluster.place.folder }
  const [repository = '', tag = ''] = images.outrigger.split(':')
  const uninstall = async (): Promise<void> => {
    const where = ['--namespace', OPERATOR_NAMESPACE, '--ignore-not-found', '--wait', '--timeout', '180s']
    await cluster.inCluster(helm, ['uninstall', 'outrigger', ...where], { env })
  }
  return {
    uninstall,
    async apply(values = {}) {
      const all = { 'image.repository': repository, 'image.tag': tag, 'image.pullPolicy': 'Never', ...values }
      const set = Object.entries(all).flatMap(([name, value]) => ['--set-string', `${name}=${value}`])
      const where = ['--namespace', OPERATOR_NAMESPACE, '--create-namespace', '--wait', '--timeout', '180s']
      await cluster.inCluster(helm, ['upgrade', '--install', 'outrigger', CHART, ...where, ...set], { env })
    },
    async remove() {
      await uninstall()
      // Kept for running pods by design; the next file's tests are to find none.
      const own = ['--all-namespaces', '--selector', 'app.kubernetes.io/managed-by=outrigger']
      await cluster.kubectl(['delete', 'configmaps,secrets', ...own])
      const crds = ['llmproviders.outrigger.dev', 'llmroutes.outrigger.dev']
      await cluster.kubectl(['delete', 'crd', ...crds, '--ignore-not-found', '--timeout=120s'])
      await cluster.kubectl(['delete', 'namespace', OPERATOR_NAMESPACE, '--ignore-not-found', '--timeout=120s'])
    },
  }
}
