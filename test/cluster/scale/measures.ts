// The measurements, a function each. Each begins and ends with a cluster in which everything is up to date.
import { setTimeout as sleep } from 'node:timers/promises'
import { CONFIG_MAPS, LLM_PROVIDERS, LLM_ROUTES, SECRETS } from '../../../operator/kube/resource.ts'
import { eventually } from '../support/patience.ts'
import { auditPosition, described, requestsSince, total, writesOf } from './audit.ts'
import { type Experiment, settles } from './experiment.ts'
import { noteMemory, noteRequests } from './notes.ts'
import { NAMESPACES, namespaceName, PODS, pod, pods, providers, routes } from './objects.ts'
import { becomesReady } from './operator.ts'
import { lookAtVersions, someOf, touched } from './versions.ts'
import { createAll, inParallel, mergePatch, remove, type Target } from './writing.ts'

const RESTARTED_AFTER_MS = 15_000
const SETTLED_AFTER_MS = 30_000
const IDLE_MS = 60_000
/** A lease is renewed thirty times. */
const IDLE_REQUESTS_MAX = 60

interface Named {
  kind: string
  metadata: { name: string; namespace: string }
}

/** The first start, without pods; then all pods at once, through the webhook. */
export async function measureStart(experiment: Experiment): Promise<void> {
  const { site, figures, sidecars, say } = experiment
  const operator = await experiment.start()
  await becomesReady()
  figures.note('ready after the start, no pods', (performance.now() - operator.startedMs) / 1000, 's')
  await sleep(5_000)
  figures.note('memory without pods', (await operator.memory()).rssMb, 'MB')
  say(`creating ${PODS} pods through the webhook`)
  const startMs = performance.now()
  await createAll(site.admin, pods())
  figures.note('pods created and stored through the webhook', PODS / ((performance.now() - startMs) / 1000), 'pods/s')
  await eventually('every pod runs', () => sidecars.running === PODS, { withinMs: 300_000 })
  await settles(experiment)
  await noteMemory(experiment, 'after 1,000 pods came')
}

/** A new operator, to which nothing is published yet: as if it were installed into a cluster that has everything. */
export async function measureSync(experiment: Experiment): Promise<void> {
  const { site, figures, sidecars, say } = experiment
  await experiment.stop()
  await clear(experiment)
  const position = await auditPosition(site.auditFile)
  const operator = await experiment.start()
  await becomesReady()
  figures.note('sync: ready', (performance.now() - operator.startedMs) / 1000, 's')
  await eventually('every namespace has its document', () => sidecars.published === NAMESPACES, { everyMs: 10 })
  figures.note('sync: 100 namespaces published', (performance.now() - operator.startedMs) / 1000, 's')
  const endMs = await settles(experiment)
  figures.note('sync: all statuses written', (endMs - operator.startedMs) / 1000, 's')
  figures.note('sync: processor time', await operator.cpuSeconds(), 's')
  figures.note('sync: reconciled', await operator.metric('outrigger_operator_reconciles_total{result="Done"}'), 'times')
  const requests = await requestsSince(site.auditFile, position)
  noteRequests(experiment, 'sync', requests)
  say(`sync: ${described(requests)}`)
  await noteMemory(experiment, 'after the sync')
}

/** Everything is there already. */
export async function measureRestart(experiment: Experiment): Promise<void> {
  const { site, figures, faults, statuses, say } = experiment
  await statuses.synced
  await experiment.stop()
  const before = await lookAtVersions(site.admin)
  const position = await auditPosition(site.auditFile)
  const operator = await experiment.start()
  await becomesReady()
  figures.note('restart: ready', (performance.now() - operator.startedMs) / 1000, 's')
  // Nothing tells that it has looked at everything: all of it takes less.
  await sleep(RESTARTED_AFTER_MS)
  await settles(experiment)
  figures.note('restart: processor time', await operator.cpuSeconds(), 's')
  const requests = await requestsSince(site.auditFile, position)
  say(`restart: ${described(requests)}`)
  figures.note('restart: writes', total(writesOf(requests)), 'requests')
  const found = touched(before, await lookAtVersions(site.admin))
  figures.note('restart: objects changed', found.length, 'objects')
  if (found.length > 0) faults.push(`a restart changed ${someOf(found)}`)
}

export async function measureIdle(experiment: Experiment): Promise<void> {
  const { site, figures, faults, sidecars, say } = experiment
  const operator = experiment.operator()
  await sleep(SETTLED_AFTER_MS)
  const position = await auditPosition(site.auditFile)
  const [cpuBefore, askedBefore] = [await operator.cpuSeconds(), sidecars.asked]
  await sleep(IDLE_MS)
  const minutes = IDLE_MS / 60_000
  const requests = await requestsSince(site.auditFile, position)
  say(`idle: ${described(requests)}`)
  figures.note('idle: requests to the API server', total(requests) / minutes, 'per minute')
  const perMinute = total(requests) / minutes
  if (perMinute > IDLE_REQUESTS_MAX) faults.push(`at rest it asks the API server ${perMinute} times a minute`)
  figures.note('idle: sidecars asked', (sidecars.asked - askedBefore) / minutes, 'per minute')
  figures.note(
    'idle: processor',
    (((await operator.cpuSeconds()) - cpuBefore) / (IDLE_MS / 1000)) * 100,
    '% of one core',
  )
  await noteMemory(experiment, 'idle')
}

/** Dry runs: the webhook is asked as for any pod, and nothing is stored. Against the same pods that ask for no sidecar. */
export async function measureInjection({ site, figures, operator }: Experiment): Promise<void> {
  const rate = async (inject: 'true' | 'false'): Promise<number> => {
    const dry = Array.from({ length: PODS }, (_, index) =>
      pod(namespaceName(index % NAMESPACES), `dry-${index}`, inject),
    )
    const startMs = performance.now()
    await createAll(site.admin, dry, 'DryRun')
    return PODS / ((performance.now() - startMs) / 1000)
  }
  figures.note('injection: pods created without', await rate('false'), 'pods/s')
  const cpuBefore = await operator().cpuSeconds()
  figures.note('injection: pods created through the webhook', await rate('true'), 'pods/s')
  figures.note(
    'injection: processor time of a pod',
    (((await operator().cpuSeconds()) - cpuBefore) / PODS) * 1000,
    'ms',
  )
}

/** Takes away what an operator has written, as if none had ever run. */
async function clear({ site }: Experiment): Promise<void> {
  const own = Array.from({ length: NAMESPACES }, (_, index) => namespaceName(index)).flatMap((namespace): Target[] => [
    { resource: CONFIG_MAPS, namespace, name: 'outrigger-config' },
    { resource: SECRETS, namespace, name: 'outrigger-credentials' },
  ])
  await inParallel(own, (target) => remove(site.admin, target))
  const none = {
    observedGeneration: null,
    conditions: null,
    sidecars: null,
    rules: null,
    servedModels: null,
    models: null,
  }
  await inParallel([...providers(), ...routes()] as Named[], async ({ kind, metadata: { namespace, name } }) => {
    const resource = kind === 'LLMRoute' ? LLM_ROUTES : LLM_PROVIDERS
    await mergePatch(site.admin, { resource, namespace, name, subresource: 'status' }, { status: none })
  })
}
