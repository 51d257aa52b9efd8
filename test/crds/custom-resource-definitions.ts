// The schemas as they stand in crds/, for tests of what the generator and admission make of them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { StructuralSchema } from '../../cli/files/structural-schema.ts'

export const CRDS = join(import.meta.dirname, '../../crds')

export interface DescribedSchema extends StructuralSchema {
  description?: string
  properties?: Record<string, DescribedSchema>
  additionalProperties?: DescribedSchema
  items?: DescribedSchema
}

export interface Definition {
  file: string
  kind: string
  schema: DescribedSchema
}

export interface SchemaNode {
  /** Such as `spec.rules[].backends[].weight`; `[]` stands for any index or key. */
  at: string
  schema: DescribedSchema
}

interface CustomResourceDefinition {
  spec: { names: { kind: string }; versions: [{ schema: { openAPIV3Schema: DescribedSchema } }] }
}

export function readDefinitions(): Definition[] {
  const files = readdirSync(CRDS).filter((file) => file.endsWith('.yaml'))
  return files.sort().map((file) => {
    const { spec } = parse(readFileSync(join(CRDS, file), 'utf8')) as CustomResourceDefinition
    return { file, kind: spec.names.kind, schema: spec.versions[0].schema.openAPIV3Schema }
  })
}

export function listNodes(schema: DescribedSchema, at = ''): SchemaNode[] {
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => ({
    at: at === '' ? name : `${at}.${name}`,
    schema: member,
  }))
  for (const inner of [schema.items, schema.additionalProperties]) {
    if (inner !== undefined) members.push({ at: `${at}[]`, schema: inner })
  }
  return [{ at, schema }, ...members.flatMap((member) => listNodes(member.schema, member.at))]
}
