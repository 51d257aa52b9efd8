// What an apiserver, kubectl explain and file mode need of the schemas in crds/.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { checkRules, compileRules } from '../../cli/files/cel-rules.ts'
import { LLMProviderSchema, LLMRouteSchema } from '../../cli/files/schemas.ts'
import { type DescribedSchema, listNodes, readDefinitions, type SchemaNode } from './custom-resource-definitions.ts'

const DEFINITIONS = readDefinitions()

/** The keywords of StructuralSchema: what admission enforces. */
const KEYWORDS = new Set([
  'type',
  'format',
  'description',
  'default',
  'enum',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'items',
  'minItems',
  'maxItems',
  'required',
  'properties',
  'additionalProperties',
  'maxProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
])

const RULE_KEYWORDS = new Set(['rule', 'message', 'reason', 'fieldPath'])

describe.each(DEFINITIONS)('$file', ({ schema }) => {
  const nodes = listNodes(schema)
  const spec = nodes.filter(({ at }) => at.startsWith('spec'))

  test('uses only keywords that admission enforces', () => {
    expect(nodes.flatMap(({ schema: node }) => Object.keys(node)).filter((key) => !KEYWORDS.has(key))).toEqual([])
    const rules = nodes.flatMap(({ schema: node }) => node['x-kubernetes-validations'] ?? [])
    expect(rules.flatMap(Object.keys).filter((key) => !RULE_KEYWORDS.has(key))).toEqual([])
  })

  test('describes every field, and names its default', () => {
    const fields = nodes.filter(({ at }) => /^(spec|status)/.test(at) && !at.endsWith('[]'))
    expect(placesOf(fields, ({ description }) => (description ?? '').length < 10)).toEqual([])
    const scalars = fields.filter(({ schema: node }) => /^(string|integer)$/.test(node.type ?? ''))
    const silent = placesOf(
      scalars,
      ({ default: value, description = '' }) =>
        value !== undefined &&
        !description.includes(`Default ${value}.`) &&
        !description.includes(`${value} (the default)`),
    )
    expect(silent).toEqual([])
  })

  test('bounds every string, number, list and map, so that rules have a bounded cost', () => {
    const unbounded = placesOf(spec, (node) => {
      const mayBeEither = node['x-kubernetes-int-or-string'] === true
      if (node.type === 'string' || mayBeEither) {
        if (node.maxLength === undefined && node.enum === undefined) return true
      }
      if (node.type === 'integer' || mayBeEither) return node.minimum === undefined || node.maximum === undefined
      if (node.type === 'array') return node.maxItems === undefined
      return node.type === 'object' && node.properties === undefined && node.maxProperties === undefined
    })
    expect(unbounded).toEqual([])
  })

  test('says of every list how it merges, and requires the keys of list maps', () => {
    const lists = spec.filter(({ schema: node }) => node.type === 'array')
    expect(placesOf(lists, (node) => node['x-kubernetes-list-type'] === undefined)).toEqual([])
    const optionalKeys = placesOf(lists, ({ items, 'x-kubernetes-list-map-keys': keys = [] }) =>
      keys.some((key) => !items?.required?.includes(key)),
    )
    expect(optionalKeys).toEqual([])
  })

  test('gives each rule a message of one line that fits, and a field that exists', () => {
    for (const { at, schema: node } of nodes) {
      for (const { rule, message, fieldPath } of node['x-kubernetes-validations'] ?? []) {
        expect(`${rule}${message}`).not.toContain('\n')
        expect(message.length).toBeLessThan(300)
        if (fieldPath !== undefined) expect(nodes.map((one) => one.at)).toContain(at + fieldPath)
      }
    }
  })

  // An apiserver refuses a definition otherwise: it does not fill in the defaults of members before it looks.
  test('has defaults that break no rule as they stand', () => {
    for (const { at, schema: node } of nodes) {
      if (node.default === undefined) continue
      expect({ at, findings: checkRules(compileRules(node), node.default, 'Enforce') }).toEqual({ at, findings: [] })
    }
  })

  test('has patterns that mean the same in RE2 and in JavaScript', () => {
    for (const { schema: node } of nodes) {
      if (node.pattern === undefined) continue
      expect(() => new RegExp(node.pattern ?? '', 'u')).not.toThrow()
      expect(node.pattern).toMatch(/^\^.*\$$/)
      expect(node.pattern).not.toMatch(/\(\?|\\[wWdDsSbBpP1-9]/)
    }
  })
})

test('types and schemas are generated from the YAML as it is now', () => {
  const script = join(import.meta.dirname, '../../scripts/generate-api-types.ts')
  expect(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })).not.toThrow()
})

describe.each(DEFINITIONS)('the status in $file', ({ schema }) => {
  test('has conditions as metav1.Condition wants them', () => {
    const conditions = schema.properties?.status?.properties?.conditions
    expect(conditions).toMatchObject({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    expect(conditions?.items).toMatchObject({
      required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
      properties: {
        type: {
          type: 'string',
          maxLength: 316,
          pattern:
            '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
        },
        status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
        observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
        lastTransitionTime: { type: 'string', format: 'date-time' },
        reason: {
          type: 'string',
          minLength: 1,
          maxLength: 1024,
          pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
        },
        message: { type: 'string', maxLength: 32768 },
      },
    })
  })

  test('sets no default and refuses no value by a rule, so that any operator can write it', () => {
    const status = listNodes(schema).filter(({ at }) => at.startsWith('status'))
    expect(placesOf(status, (node) => node.default !== undefined)).toEqual([])
    expect(placesOf(status, (node) => node['x-kubernetes-validations'] !== undefined)).toEqual([])
  })
})

test('the bundled schemas are those of the YAML, without descriptions and status', () => {
  const bundled = [LLMProviderSchema, LLMRouteSchema].flatMap((schema) => listNodes(schema))
  const written = DEFINITIONS.flatMap(({ schema }) => listNodes(schema)).filter(({ at }) => !at.startsWith('status'))
  expect(bundled.map(({ at }) => at)).toEqual(written.map(({ at }) => at))
  expect(placesOf(bundled, ({ description }) => description !== undefined)).toEqual([])
})

function placesOf(nodes: readonly SchemaNode[], predicate: (schema: DescribedSchema) => boolean): string[] {
  return nodes.filter(({ schema }) => predicate(schema)).map(({ at }) => at)
}
