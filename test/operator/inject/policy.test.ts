// The chart's policy says in CEL what is said here in TypeScript. Whether both do the same is seen on a real API server
// (test/cluster/policy-injection.test.ts); this test sees at once when a literal of one is no longer that of the other.
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { missingVariables } from '../../../operator/inject/environment.ts'
import { type InjectionSettings, parseInjectionSettings } from '../../../operator/inject/settings.ts'
import { sidecarContainer, sidecarVolume } from '../../../operator/inject/sidecar-container.ts'
import { describeWithHelm, template } from '../../charts/helm.ts'

interface Policy {
  kind: string
  spec: { variables: { name: string; expression: string }[]; mutations: { jsonPatch: { expression: string } }[] }
}

describeWithHelm("the policy's literals", () => {
  test('are the container and the volume that the webhook adds', async () => {
    const { policy, settings } = await render()
    const { resources, env, ...container } = sidecarContainer(settings, {})
    // What depends on the pod is no literal.
    const [workload, ...others] = (env as { name: string }[]).toSorted((a) =>
      a.name === 'OUTRIGGER_WORKLOAD' ? -1 : 0,
    )
    expect(workload).toEqual({ name: 'OUTRIGGER_WORKLOAD', value: expect.any(String) })
    expect(literalsOf(policy)).toEqual([sidecarVolume(), { ...container, env: others }, resources])
  })

  test('are the variables that the webhook adds', async () => {
    const { policy } = await render()
    const lists = ['baseURLs', 'keys'].map((name) => policy.spec.variables.find((variable) => variable.name === name))
    const variables = lists.flatMap((list) => JSON.parse((list?.expression ?? '').replaceAll("'", '"')) as object[])
    expect(variables.map((variable) => ({ ...variable, other: undefined }))).toEqual(missingVariables({}))
  })
})

async function render(): Promise<{ policy: Policy; settings: InjectionSettings }> {
  const { stdout, stderr } = await template(['--set', 'injection.mode=Policy,store.existingSecret.name=redis'])
  const objects = parseAllDocuments(stdout).map(
    (document) => document.toJS() as Policy & { data?: Record<string, string> },
  )
  const text = objects.find((object) => object?.data?.['injection.json'])?.data?.['injection.json']
  const policy = objects.find((object) => object?.kind === 'MutatingAdmissionPolicy')
  const parsed = parseInjectionSettings(text ?? stderr)
  if ('problems' in parsed || policy === undefined) throw new Error(JSON.stringify(parsed))
  return { policy, settings: parsed.settings }
}

/** Of the patches' values, those that are rendered: JSON, but for `dyn(…)` around every member. */
function literalsOf({ spec }: Policy): unknown[] {
  const lines = spec.mutations.flatMap(({ jsonPatch }) => jsonPatch.expression.split('\n'))
  return lines
    .map((line) => /^ *value: (\{"[\s\S]*\})$/.exec(line)?.[1])
    .filter((literal) => literal !== undefined)
    .map((literal) => JSON.parse(literal.replaceAll('dyn(', '').replaceAll(')', '')) as unknown)
}
