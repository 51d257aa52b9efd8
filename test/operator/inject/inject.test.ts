// What no golden case can show: that no form of an object makes injection fail.
import { expect, test } from '@jest/globals'
import { inject } from '../../../operator/inject/inject.ts'
import { pointer } from '../../../operator/inject/json-patch.ts'
import { readCases, USUAL_SETTINGS } from './cases.ts'

const WRONG: readonly unknown[] = [undefined, null, true, 7, 'text', [], [null], [['x']], {}, { name: 5 }]

test.each(readCases())('no part of another form makes it fail: $file', ({ pod, settings }) => {
  const outcomes = paths(pod).flatMap((path) =>
    WRONG.map((wrong) => inject(changed(pod, path, wrong), settings).outcome),
  )
  expect(new Set(outcomes).difference(new Set(['Injected', 'NotAsked', 'Complete', 'HostNetwork', 'Refused']))).toEqual(
    new Set(),
  )
})

test.each(WRONG)('what is no pod does not ask: %j', (wrong) => {
  expect(inject(wrong, USUAL_SETTINGS)).toEqual({ outcome: 'NotAsked', warnings: [] })
})

test('parts of a path are escaped', () => {
  expect(pointer('metadata', 'annotations', 'a/b~c', 0)).toBe('/metadata/annotations/a~1b~0c/0')
})

type Path = readonly (string | number)[]

function paths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([name, part]) => paths(part, [...path, name]))]
}

function changed(value: unknown, [first, ...rest]: Path, wrong: unknown): unknown {
  if (first === undefined) return wrong
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
  Object.assign(copy, { [first]: changed((value as Record<string, unknown>)[first], rest, wrong) })
  return copy
}
