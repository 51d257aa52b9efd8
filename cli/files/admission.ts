// Says about an object what an apiserver with crds/ installed would say, and returns it as the apiserver would store it.
//
// In: an object as a file holds it, its metadata.namespace filled in. Out: the admitted object, or findings. Pure. Strict
// as kubectl is by default: an unknown field is a mistake, not a remark. Rules are checked only when the structure is
// sound, as in the apiserver, because they rely on it. It never looks at other objects: references are for resolve.
// The schemas are compiled once, when this file is imported.

import type { LLMProvider } from '../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../operator/api/llm-route.ts'
import type { ObjectMeta } from '../../operator/api/object-meta.ts'
import { type CelRules, checkRules, compileRules, type ForbiddenRules } from './cel-rules.ts'
import { renderFieldPath } from './field-path.ts'
import { checkMetadataKeys, metadataSchema, withoutApiserverFields } from './metadata.ts'
import type { FileReason, Finding } from './problem.ts'
import { LLMProviderSchema, LLMRouteSchema } from './schemas.ts'
import type { StructuralSchema } from './structural-schema.ts'
import { admitStructure } from './structure.ts'

export type Admission<T> = { object: T } | { findings: Finding[] }

interface CustomResources {
  LLMProvider: LLMProvider
  LLMRoute: LLMRoute
}

const RULES: Record<keyof CustomResources, CelRules> = {
  LLMProvider: compileRules(asApplied(LLMProviderSchema)),
  LLMRoute: compileRules(asApplied(LLMRouteSchema)),
}

/** As in the apiserver: findings of any other kind leave an object whose types or sizes the rules do not expect. */
const HARMLESS_TO_RULES: readonly FileReason[] = ['FieldValueInvalid', 'FieldValueDuplicate']

export function admit<Kind extends keyof CustomResources>(
  kind: Kind,
  object: unknown,
  forbidden: ForbiddenRules,
): Admission<CustomResources[Kind]> {
  const rules = RULES[kind]
  const { value, findings } = admitStructure(rules.schema, object)
  if (!findings.every(({ reason }) => HARMLESS_TO_RULES.includes(reason))) return { findings }
  return finishAdmission<CustomResources[Kind]>(value, oncePerField(findings, checkRules(rules, value, forbidden)))
}

/** A rule that a field breaks says more of the mistake than the field's own form: `1k` for tokens is not USD that is written wrong. */
function oncePerField(ofStructure: readonly Finding[], ofRules: readonly Finding[]): Finding[] {
  const told = new Set(ofRules.map(({ path }) => renderFieldPath(path)))
  const others = ofStructure.filter(
    ({ path, reason }) => reason !== 'FieldValueInvalid' || !told.has(renderFieldPath(path)),
  )
  return [...others, ...ofRules]
}

/** For the kinds that Kubernetes brings: `schema` describes `T`, and there are no rules. */
export function admitBySchema<T extends { metadata: ObjectMeta }>(
  schema: StructuralSchema,
  object: unknown,
): Admission<T> {
  const { value, findings } = admitStructure(schema, object)
  return finishAdmission<T>(value, findings)
}

function finishAdmission<T extends { metadata: ObjectMeta }>(value: unknown, findings: Finding[]): Admission<T> {
  if (findings.length > 0) return { findings }
  // The schema, from which T was generated, has just been found to hold.
  const { status: _, ...object } = value as T & { status?: unknown }
  const metadataFindings = checkMetadataKeys(object.metadata)
  if (metadataFindings.length > 0) return { findings: metadataFindings }
  return { object: { ...object, metadata: withoutApiserverFields(object.metadata) } as unknown as T }
}

/** metadata is the apiserver's own, and status is dropped when a file is applied, so anything may stand there. */
function asApplied(schema: StructuralSchema): StructuralSchema {
  const properties = {
    ...schema.properties,
    metadata: metadataSchema('Subdomain', schema.properties?.metadata?.properties?.name?.maxLength),
    status: { 'x-kubernetes-preserve-unknown-fields': true },
  }
  return { ...schema, required: ['metadata', ...(schema.required ?? [])], properties }
}
