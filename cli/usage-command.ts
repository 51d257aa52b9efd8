// What `outrigger usage` asks: sidecars by their addresses, or those of a cluster through its API server, with the rights of who runs
// it. It changes nothing. What it needs for a cluster is loaded only then.
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { SettingsOf } from '../process/flag.ts'
import { type Environment, UsageError } from './flags.ts'
import type { USAGE_FLAGS } from './settings.ts'
import type { Answer } from './usage/read-report.ts'
import type { Since } from './usage/since.ts'
import { tellUsage, type UsageTold } from './usage/tell.ts'
import { askUrls } from './usage-urls.ts'
import { VERSION } from './version.ts'

type UsageSettings = SettingsOf<typeof USAGE_FLAGS>

/** This machine's own. */
const DEFAULT_URL = 'http://127.0.0.1:8788'
const DAY_MS = 24 * 3_600_000

/** Throws UsageError. `nowMs` since the epoch. */
export async function usage(settings: UsageSettings, env: Environment, nowMs: number): Promise<UsageTold> {
  const { by, output, since } = settings
  const answers = await ask(settings, env)
  return tellUsage(answers, { by, output, firstDay: firstDay(since, nowMs) })
}

async function ask({ from, namespace, allNamespaces, kubeconfig }: UsageSettings, env: Environment): Promise<Answer[]> {
  const ofCluster = namespace !== undefined || allNamespaces === 'true'
  if (from.length > 0 && ofCluster) throw new UsageError('usage asks either --from URLs or the sidecars of a cluster')
  if (namespace !== undefined && allNamespaces === 'true') {
    throw new UsageError('--namespace and --all-namespaces exclude each other')
  }
  if (!ofCluster) return askUrls(from.length > 0 ? from : [DEFAULT_URL])
  const { askCluster } = await import('./operator-command.ts')
  return askCluster({ kubeconfig: kubeconfig || kubeconfigOf(env), namespace, userAgent: `outrigger-usage/${VERSION}` })
}

/** Where kubectl looks; '' for a pod's own ServiceAccount. */
function kubeconfigOf(env: Environment): string {
  const file = path.join(env.HOME ?? homedir(), '.kube', 'config')
  return env.KUBECONFIG || (existsSync(file) ? file : '')
}

function firstDay(since: Since | undefined, nowMs: number): string {
  if (since === undefined) return ''
  if (since.type === 'Date') return since.day
  return new Date(nowMs - (since.days - 1) * DAY_MS).toISOString().slice(0, 10)
}
