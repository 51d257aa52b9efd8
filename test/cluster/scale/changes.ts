// What a change brings about: of one route, which concerns one pod, and of one provider, which concerns all. Each begins and ends with a
// cluster in which everything is up to date.
import { LLM_PROVIDERS, LLM_ROUTES } from '../../../operator/kube/resource.ts'
import { eventually } from '../support/patience.ts'
import { auditPosition, described, requestsSince, total, writesOf } from './audit.ts'
import { type Experiment, settles } from './experiment.ts'
import { noteMemory } from './notes.ts'
import { namespaceName, PROVIDER_NAMESPACE, PROVIDER_OF_ALL, podName, routeName, routes } from './objects.ts'
import { lookAtVersions, someOf, touched } from './versions.ts'
import { mergePatch, type Target } from './writing.ts'

const KEY_OF_PROVIDER = `LLMProvider ${PROVIDER_NAMESPACE}/${PROVIDER_OF_ALL}`

export async function measureRoute(experiment: Experiment, round: number): Promise<void> {
  const { site, figures, faults, statuses, say } = experiment
  const namespace = namespaceName(7 + round)
  const name = routeName(3)
  const before = await lookAtVersions(site.admin)
  const position = await auditPosition(site.auditFile)
  const startMs = performance.now()
  const generation = await changeRoute(experiment, namespace, name)
  await eventually('the route is programmed', () => statuses.routeSettled(`${namespace}/${name}`, generation), {
    everyMs: 5,
  })
  figures.note('one route: changed until its status says so', performance.now() - startMs, 'ms')
  await settles(experiment)
  const requests = writesOf(await requestsSince(site.auditFile, position))
  say(`one route: ${described(requests)}`)
  figures.note('one route: writes', total(requests), 'requests')
  const expected = [
    `ConfigMap ${namespace}/outrigger-config`,
    `LLMRoute ${namespace}/${name}`,
    `Pod ${namespace}/${podName(3)}`,
  ]
  const found = touched(before, await lookAtVersions(site.admin))
  say(`one route touched ${someOf(found)}`)
  const more = found.filter((key) => !expected.includes(key))
  if (more.length > 0) faults.push(`a change of one route touched ${someOf(more)}`)
  for (const key of expected) if (!found.includes(key)) faults.push(`a change of one route did not touch ${key}`)
}

async function changeRoute({ site }: Experiment, namespace: string, name: string): Promise<number> {
  const target: Target = { resource: LLM_ROUTES, namespace, name }
  const changed = structuredClone(routes().find((each) => isNamed(each, namespace, name))) as {
    spec: { rules: { timeouts?: object }[] }
  }
  for (const rule of changed.spec.rules.slice(0, 1)) rule.timeouts = { firstByte: `${anySeconds()}s` }
  return await mergePatch(site.admin, target, { spec: changed.spec })
}

/** One that every pod uses: as many nudges as there are pods, at the usual rate. */
export async function measureProvider(experiment: Experiment): Promise<void> {
  const { site, figures, faults, say } = experiment
  const operator = experiment.operator()
  const before = await lookAtVersions(site.admin)
  const position = await auditPosition(site.auditFile)
  const cpuBefore = await operator.cpuSeconds()
  await changeProvider(experiment)
  await settles(experiment)
  figures.note('one provider, 1,000 pods: processor time', (await operator.cpuSeconds()) - cpuBefore, 's')
  const requests = writesOf(await requestsSince(site.auditFile, position))
  figures.note('one provider, 1,000 pods: nudges', requests.get('patch pods') ?? 0, 'requests')
  figures.note('one provider, 1,000 pods: writes', total(requests), 'requests')
  say(`one provider: ${described(requests)}`)
  const found = touched(before, await lookAtVersions(site.admin))
  const more = found.filter((key) => !/^(ConfigMap|Pod) /.test(key) && key !== KEY_OF_PROVIDER)
  if (more.length > 0) faults.push(`a change of one provider touched ${someOf(more)}`)
  await noteMemory(experiment, 'after a change for all pods')
}

/** Until every sidecar runs it, and the status says so: not before. */
async function changeProvider({ site, figures, faults, statuses, sidecars }: Experiment): Promise<void> {
  const startMs = performance.now()
  const target: Target = { resource: LLM_PROVIDERS, namespace: PROVIDER_NAMESPACE, name: PROVIDER_OF_ALL }
  const spec = { timeouts: { firstByte: `${anySeconds()}s` } }
  const generation = await mergePatch(site.admin, target, { spec })
  const isSettled = (): boolean => statuses.providerSettled(PROVIDER_OF_ALL, generation)
  let early = false
  const follow = (): boolean => {
    const all = sidecars.allFollow(startMs)
    early ||= !all && isSettled()
    return all
  }
  await eventually('every sidecar has followed', follow, { withinMs: 300_000, everyMs: 10 })
  figures.note('one provider, 1,000 pods: until all run it', (performance.now() - startMs) / 1000, 's')
  await eventually('the status says so', isSettled, { withinMs: 300_000, everyMs: 10 })
  figures.note('one provider, 1,000 pods: until the status says so', (performance.now() - startMs) / 1000, 's')
  if (early) faults.push('the status of a provider said that all sidecars run it when they did not')
}

function isNamed(object: object, namespace: string, name: string): boolean {
  const { metadata } = object as { metadata: { name: string; namespace: string } }
  return metadata.namespace === namespace && metadata.name === name
}

/** Differs from the last, so that it is a change. */
function anySeconds(): number {
  return 10 + Math.floor(Math.random() * 590)
}
