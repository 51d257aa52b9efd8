// Holds file mode's admission to the table of bounds (bound-cases.ts).
import { expect, test } from '@jest/globals'
import { admit } from '../../cli/files/admission.ts'
import { renderFieldPath } from '../../cli/files/field-path.ts'
import type { FileReason } from '../../cli/files/problem.ts'
import { llmRoute, ruleTo } from '../support/resources.ts'
import type { Kind } from './bound-case.ts'
import { BOUND_CASES } from './bound-cases.ts'

test.each(BOUND_CASES)('%s %s has its bound', (kind, field, inside, outside, reason) => {
  expect(findingsOf(kind, inside)).toEqual([])
  expect(findingsOf(kind, outside)).toEqual([{ field, reason }])
})

function findingsOf(kind: Kind, spec: object): { field: string; reason: FileReason }[] {
  const object = { apiVersion: 'outrigger.dev/v1alpha1', kind, metadata: { name: 'one', namespace: 'shop' }, spec }
  const admission = admit(kind, object, 'Enforce')
  const findings = 'findings' in admission ? admission.findings : []
  return findings.map(({ path, reason }) => ({ field: renderFieldPath(path), reason }))
}

test('a status that stands in a file is dropped, whatever it holds', () => {
  const object = {
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMRoute',
    metadata: { name: 'one', namespace: 'shop' },
  }
  const { spec } = llmRoute('shop/one', [ruleTo('openai')])
  const status = { observedGeneration: 'seven', conditions: [{}], anything: { at: ['all'] } }
  expect(admit('LLMRoute', { ...object, spec, status }, 'Enforce')).toEqual({ object: { ...object, spec } })
})
