// The objects in complete/ have every field, and whatever is put in a field's place, admission gives findings and never throws.
// The cluster's tests hold the same objects against a real API server.
import { expect, test } from '@jest/globals'
import { fileModeVerdict } from './agreement.ts'
import { listNodes, readDefinitions } from './custom-resource-definitions.ts'
import { LARGEST } from './largest.ts'
import { completeObjects, mutationsOf, pathsOf } from './mutations.ts'

const OBJECTS = completeObjects()

test('every object is admitted', () => {
  expect(OBJECTS.filter((object) => !('stored' in fileModeVerdict(object)))).toEqual([])
})

test('the largest objects are admitted', () => {
  expect(LARGEST.map(fileModeVerdict)).toEqual(LARGEST.map(() => ({ stored: expect.anything() })))
})

test.each(readDefinitions())('every field of $file is in one of them', ({ kind, schema }) => {
  const places = OBJECTS.filter((object) => object.kind === kind).flatMap(({ spec }) => pathsOf(spec, ['spec']))
  const seen = places.map((path) => path.map((part) => (typeof part === 'number' ? '[]' : `.${part}`)).join(''))
  const known = listNodes(schema).filter(({ at }) => at.startsWith('spec.') && !isRefused(at))
  const missing = known.filter(({ at, schema: node }) => {
    // The schema writes an entry of a map like an item of a list.
    const inMap = node.type === 'string' && at.endsWith('[]') ? `.${at.slice(0, -2)}.` : undefined
    return !seen.some((place) => place === `.${at}` || (inMap !== undefined && place.startsWith(inMap)))
  })
  expect(missing.map(({ at }) => at)).toEqual([])
})

/** Fields that the schema knows only to refuse them. */
function isRefused(at: string): boolean {
  return /\.(defaults|overrides)\.(model|stream|stream_options)$|\.retry\.true(\[\])?$/.test(at)
}

test('whatever stands in a place, admission has an answer', () => {
  const quick = OBJECTS.flatMap(mutationsOf).filter(({ value }) => value !== 'long text' && value !== 'crowded')
  const verdicts = quick.map(({ object }) => fileModeVerdict(object))
  const refused = verdicts.filter((verdict) => 'findings' in verdict && verdict.findings.length > 0)
  expect(refused.length).toBeGreaterThan(1000)
})
