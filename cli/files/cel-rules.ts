// The second half of admission: the CEL rules (`x-kubernetes-validations`) of a schema, at every level.
//
// In: a schema and a value that its structure admits. Out: the violations. A rule sees what it sees in the apiserver:
// integers are CEL's int, and fields that the schema does not know are not there. A rule that does not compile, or cannot
// be evaluated, throws: that is our bug, never the user's. @bufbuild/cel was chosen over @marcbachmann/cel-js because it
// is held to CEL's conformance tests and matches with RE2 as the apiserver does; the other takes regular expressions to
// be JavaScript's, refuses `(?i)`, and would accept patterns that an apiserver refuses. Its type checker is not exported,
// so a rule's types are proven only by an apiserver. Bundled, it costs a start about 20 ms.

import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel'
import { type FieldPath, parseFieldPath } from './field-path.ts'
import type { Finding } from './problem.ts'
import type { StructuralSchema, ValidationRule } from './structural-schema.ts'
import { isObject, memberSchema } from './structure.ts'

/** Fields of ours whose names are words of CEL; rules write them as an apiserver wants them, with underscores. */
const CEL_WORDS: ReadonlySet<string> = new Set(['true'])

/** `Skip` leaves out exactly the rules whose reason is FieldValueForbidden: those that guard the pod and its node. */
export type ForbiddenRules = 'Enforce' | 'Skip'

/** Whether the rule holds for `self`. Throws when that cannot be told. */
type Program = (self: CelInput) => boolean

export interface CelRules {
  readonly schema: StructuralSchema
  /** By the rule's text: the same rule is often used at several places. */
  readonly programs: ReadonlyMap<string, Program>
}

/** Throws when a rule is not CEL. */
export function compileRules(schema: StructuralSchema): CelRules {
  const texts = new Set(listRules(schema).map(({ rule }) => rule))
  return { schema, programs: new Map(Array.from(texts, (text) => [text, compileRule(text)])) }
}

/** Every rule of a schema and of what it holds. */
function listRules(schema: StructuralSchema): ValidationRule[] {
  const inner = [...Object.values(schema.properties ?? {}), schema.additionalProperties, schema.items]
  return [
    ...(schema['x-kubernetes-validations'] ?? []),
    ...inner.filter((member) => member !== undefined).flatMap(listRules),
  ]
}

function compileRule(text: string): Program {
  const evaluate = plan(celEnv(), parse(text))
  return (self) => {
    const result = evaluate({ self })
    if (typeof result === 'boolean') return result
    throw new Error(`CEL rule cannot be evaluated: ${text}`, { cause: isCelError(result) ? result : undefined })
  }
}

export function checkRules(rules: CelRules, value: unknown, forbidden: ForbiddenRules): Finding[] {
  const findings: Finding[] = []
  visit(rules.schema, value, [])
  return findings

  /** Returns `value` as CEL sees it; undefined when CEL does not see it. Members come first: one pass converts all. */
  function visit(schema: StructuralSchema, value: unknown, path: FieldPath): CelInput | undefined {
    const self = convert(schema, value, path)
    if (self === undefined) return undefined
    for (const rule of schema['x-kubernetes-validations'] ?? []) {
      if (forbidden === 'Skip' && rule.reason === 'FieldValueForbidden') continue
      if (rules.programs.get(rule.rule)?.(self) === false) {
        const member = parseFieldPath(rule.fieldPath ?? '')
        findings.push({ path: [...path, ...member], reason: rule.reason, message: rule.message })
      }
    }
    return self
  }

  function convert(schema: StructuralSchema, value: unknown, path: FieldPath): CelInput | undefined {
    if (schema.type === 'integer') return BigInt(Number(value))
    if (schema.type === 'string' || schema.type === 'boolean') return value as string | boolean
    if (schema['x-kubernetes-int-or-string'] === true) return typeof value === 'string' ? value : BigInt(Number(value))
    if (Array.isArray(value)) {
      const { items = {} } = schema
      return value.map((item, index) => visit(items, item, [...path, index])).filter((item) => item !== undefined)
    }
    if (schema.type !== 'object' || !isObject(value)) return undefined
    const members = new Map<string, CelInput>()
    for (const [name, field] of Object.entries(value)) {
      const member = visit(memberSchema(schema, name) ?? {}, field, [...path, name])
      if (member !== undefined) members.set(CEL_WORDS.has(name) ? `__${name}__` : name, member)
    }
    return members
  }
}
