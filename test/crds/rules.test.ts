// Holds file mode's admission to the table of CEL rules (rule-cases.ts). A rule without a row there fails a test here.
import { describe, expect, test } from '@jest/globals'
import { admit } from '../../cli/files/admission.ts'
import { checkRules, compileRules } from '../../cli/files/cel-rules.ts'
import { renderFieldPath } from '../../cli/files/field-path.ts'
import { listNodes, readDefinitions } from './custom-resource-definitions.ts'
import { BASE_URL_FIELDS, RULE_CASES, type RuleCase } from './rule-cases.ts'

const RULES = readDefinitions().flatMap(({ kind, schema }) =>
  listNodes(schema).flatMap(({ at, schema: node }) =>
    (node['x-kubernetes-validations'] ?? []).map((validation) => ({ kind, at, ...validation })),
  ),
)

describe.each(RULE_CASES)('$kind $at: $message', ({ kind, at, message, valid, invalid }) => {
  const found = RULES.find((one) => one.kind === kind && one.at === at && one.message.startsWith(message))

  test('admits what the rule allows', () => {
    for (const spec of valid) expect({ spec, ...findingsOf(kind, spec) }).toEqual({ spec, findings: [] })
  })

  test('refuses what it forbids, at its field and with its message', () => {
    const expected = [{ field: `${at}${found?.fieldPath ?? ''}`, reason: found?.reason, message: found?.message }]
    for (const spec of invalid) expect({ spec, ...findingsOf(kind, spec) }).toEqual({ spec, findings: expected })
  })
})

function findingsOf(kind: RuleCase['kind'], spec: object) {
  const object = { apiVersion: 'outrigger.dev/v1alpha1', kind, metadata: { name: 'one', namespace: 'shop' }, spec }
  const admission = admit(kind, object, 'Enforce')
  const findings = 'findings' in admission ? admission.findings : []
  return {
    findings: findings.map(({ path, reason, message }) => ({
      field: renderFieldPath(path).replace(/\[\d+\]/g, '[]'),
      reason,
      message,
    })),
  }
}

test('every rule of crds/ has a row with valid and invalid examples', () => {
  const rowsOf = ({ kind, at, message }: (typeof RULES)[number]) =>
    RULE_CASES.filter((row) => row.kind === kind && row.at === at && message.startsWith(row.message))
  const uncovered = RULES.filter((one) => {
    const rows = rowsOf(one)
    return rows.length !== 1 || rows.some(({ valid, invalid }) => valid.length === 0 || invalid.length === 0)
  })
  expect(uncovered.map(({ kind, at, message }) => `${kind} ${at}: ${message}`)).toEqual([])
  expect(RULES.length).toBe(RULE_CASES.length)
})

test('every rule of crds/ compiles', () => {
  for (const { schema } of readDefinitions()) expect(compileRules(schema).programs.size).toBeGreaterThan(0)
})

test('a rule that is not CEL is our own fault, and throws when it is compiled', () => {
  expect(() => compileRules(withRule('self =='))).toThrow()
})

test('a rule that cannot be evaluated is our own fault, and throws', () => {
  expect(() => checkRules(compileRules(withRule('self.missing > 1')), {}, 'Enforce')).toThrow('self.missing > 1')
  expect(() => checkRules(compileRules(withRule('self.size()')), {}, 'Enforce')).toThrow('self.size()')
})

test('only the guards of the pod and its node can be skipped', () => {
  const forbidden = RULES.filter(({ reason }) => reason === 'FieldValueForbidden')
  expect(forbidden.map(({ at }) => at)).toEqual([...BASE_URL_FIELDS.map(([at]) => at), 'spec.egressProxy.url'])
  const spec = { type: 'OpenAI', openAI: { baseURL: 'http://127.0.0.1:8080' }, timeouts: { idle: '0s' } }
  const object = { apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMProvider', metadata: { name: 'one' }, spec }
  expect(admit('LLMProvider', object, 'Skip')).toEqual({
    findings: [expect.objectContaining({ path: ['spec', 'timeouts', 'idle'] })],
  })
})

function withRule(text: string) {
  return {
    type: 'object' as const,
    'x-kubernetes-validations': [{ rule: text, message: 'never', reason: 'FieldValueInvalid' as const }],
  }
}
