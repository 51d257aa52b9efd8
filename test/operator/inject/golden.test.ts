// Every YAML file beside this one is a case: a pod as it reaches the webhook, perhaps settings that differ from the usual
// ones, then `# Output` with the pod after injection, or why there is none. GOLDEN=write writes the output anew; read its
// diff like code.
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { type Injection, inject } from '../../../operator/inject/inject.ts'
import { applyPatch } from './apply-patch.ts'
import { OUTPUT, readCases } from './cases.ts'

const cases = readCases()

const REPLACED: Readonly<Record<string, readonly string[]>> = {
  'copy-of-another-version.yaml': ['/spec/volumes/1', '/spec/initContainers/1'],
  'copied-shares.yaml': ['/metadata/annotations/outrigger.dev~1limit-shares'],
}

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(25)
})

describe.each(cases)('$file', ({ file, path, text, input, title, pod, settings }) => {
  const injection = inject(pod, settings)

  test(title, () => {
    const expected = `${input}${OUTPUT}${render(pod, injection)}`
    if (process.env.GOLDEN === 'write') writeFileSync(path, expected)
    else expect(text).toBe(expected)
  })

  test('a second time there is nothing to do', () => {
    const again = inject(patched(pod, injection), settings)
    expect(again).toEqual(injection.outcome === 'Injected' ? { outcome: 'Complete', warnings: [] } : injection)
  })

  test('the patch only adds, except where it replaces what came with a copy', () => {
    const patch = injection.outcome === 'Injected' ? injection.patch : []
    const replaced = patch.filter(({ op }) => op !== 'add').map(({ path }) => path)
    expect(replaced).toEqual(REPLACED[file] ?? [])
  })

  test('the pod itself is left as it was', () => {
    const before = structuredClone(pod)
    inject(pod, settings)
    expect(pod).toEqual(before)
  })
})

function patched(pod: unknown, injection: Injection): unknown {
  return injection.outcome === 'Injected' ? applyPatch(pod, injection.patch) : pod
}

function render(pod: unknown, injection: Injection): string {
  const { outcome } = injection
  const output = outcome === 'Refused' ? injection : { outcome, warnings: injection.warnings }
  const after = outcome === 'Injected' ? { pod: patched(pod, injection) } : {}
  return stringify({ ...output, ...after }, { lineWidth: 0, aliasDuplicateObjects: false })
}
