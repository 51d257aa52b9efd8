// What somebody needs who looks for the cause of a failed test: logs of components and containers, events, descriptions. In: a
// cluster, dead or alive. Out: a folder of texts. Secrets are not read.
import { cp, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Cluster } from './cluster.ts'

/** By the name of the file that gets the output. */
const QUESTIONS: Readonly<Record<string, readonly string[]>> = {
  'objects.txt': ['get', 'all,configmaps,events', '--all-namespaces', '--output=wide'],
  'events.txt': ['get', 'events', '--all-namespaces', '--sort-by=.metadata.creationTimestamp'],
  'pods.txt': ['describe', 'pods', '--all-namespaces'],
  'pods.yaml': ['get', 'pods', '--all-namespaces', '--output=yaml'],
  'nodes.txt': ['describe', 'nodes'],
  'webhooks.yaml': ['get', 'mutatingwebhookconfigurations', '--output=yaml'],
}

const QUESTION_MS = 20_000

/** What cannot be had is replaced by the reason; it never throws for that. */
export async function collectLogs(cluster: Cluster, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await copy(cluster.place.logs, path.join(folder, 'components'))
  await copy(path.join(cluster.place.folder, 'pod-logs'), path.join(folder, 'containers'))
  await Promise.all(
    Object.entries(QUESTIONS).map(async ([name, question]) => {
      const answer = await cluster.kubectl(question, { timeoutMs: QUESTION_MS }).catch(String)
      await writeFile(path.join(folder, name), answer)
    }),
  )
}

/** Logs grow and go while they are copied. */
async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true }).catch((error: unknown) => writeFile(`${to}.missing.txt`, String(error)))
}
