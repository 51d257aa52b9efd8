// The first half of admission: what a structural schema says about a value, and the value with its defaults.
//
// In: a schema and what a file held. Out: the value as the apiserver would store it (defaults filled in where the parent
// exists) and every violation with its path, not only the first. It never changes its input and never throws: a user's
// mistake is a finding. ajv was rejected: it knows neither list-map keys nor pruning nulls before defaulting, its
// messages have to be rewritten one by one, and generating its validators costs more than checking a few files.

import type { FieldPath } from './field-path.ts'
import { nearest } from './nearest.ts'
import { patternInWords } from './pattern-words.ts'
import type { FileReason, Finding } from './problem.ts'
import type { StructuralSchema } from './structural-schema.ts'

export interface Structure {
  /** Usable only when there is no finding. */
  value: unknown
  findings: Finding[]
}

export function admitStructure(schema: StructuralSchema, value: unknown): Structure {
  const findings: Finding[] = []
  const report: Report = (path, reason, message) => findings.push({ path, reason, message })
  return { value: visit(schema, value, [], report), findings }
}

type Report = (path: FieldPath, reason: FileReason, message: string) => void
type Visitor = (schema: StructuralSchema, value: unknown, path: FieldPath, report: Report) => unknown

const VISITORS: Record<NonNullable<StructuralSchema['type']>, Visitor> = {
  string: visitString,
  integer: visitInteger,
  boolean: visitBoolean,
  array: visitArray,
  object: visitObject,
}

function visit(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (schema.type !== undefined) return VISITORS[schema.type](schema, value, path, report)
  if (schema['x-kubernetes-int-or-string'] === true) return visitIntegerOrString(schema, value, path, report)
  return visitAny(value, path, report)
}

/** YAML can say `.nan` and `.inf`, which JSON cannot. */
function visitAny(value: unknown, path: FieldPath, report: Report): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    report(path, 'FieldValueTypeInvalid', 'must be a JSON value: a number has to be finite')
  } else if (value !== null && typeof value === 'object') {
    for (const [key, member] of Object.entries(value)) {
      visitAny(member, [...path, Array.isArray(value) ? Number(key) : key], report)
    }
  }
  return value
}

function visitString(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (typeof value !== 'string') {
    report(path, 'FieldValueTypeInvalid', `must be a string, not ${nameType(value)}${quoteHint(value, path)}`)
    return value
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    report(path, 'FieldValueNotSupported', `must be one of ${schema.enum.join(', ')}${suggest(value, schema.enum)}`)
  }
  const length = [...value].length
  if (length > (schema.maxLength ?? Infinity)) {
    report(path, 'FieldValueTooLong', `must have at most ${schema.maxLength} characters, not ${length}`)
  }
  if (length < (schema.minLength ?? 0)) {
    report(path, 'FieldValueInvalid', `must have at least ${count(schema.minLength, 'character')}`)
  } else if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    report(path, 'FieldValueInvalid', patternInWords(schema.pattern))
  }
  return value
}

/**
 * What YAML took for something else because it had no quotes. The text of an object is repeated only in lists, where `[Header: x-user]`
 * is one: elsewhere it may stand in a Secret.
 */
function quoteHint(value: unknown, path: FieldPath): string {
  if (typeof value === 'number' || typeof value === 'boolean') return '; put it in quotes'
  if (!isObject(value) || typeof path.at(-1) !== 'number') return ''
  const [[name, text] = [], ...others] = Object.entries(value)
  return typeof text === 'string' && others.length === 0 ? `; put it in quotes: "${name}:${text}"` : ''
}

function visitInteger(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    report(path, 'FieldValueTypeInvalid', `must be a whole number, not ${nameType(value)}`)
    return value
  }
  if (value < (schema.minimum ?? -Infinity)) report(path, 'FieldValueInvalid', `must be at least ${schema.minimum}`)
  if (value > (schema.maximum ?? Infinity)) report(path, 'FieldValueInvalid', `must be at most ${schema.maximum}`)
  return value
}

function visitIntegerOrString(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (typeof value === 'string') return visitString(schema, value, path, report)
  if (typeof value === 'number' && Number.isInteger(value)) return visitInteger(schema, value, path, report)
  // Fields of this form are limits and bursts.
  const hint = typeof value === 'number' ? '; USD for Cost goes in quotes, such as "2.50"' : ''
  report(path, 'FieldValueTypeInvalid', `must be a whole number or a string, not ${nameType(value)}${hint}`)
  return value
}

function visitBoolean(_: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (typeof value !== 'boolean') {
    report(path, 'FieldValueTypeInvalid', `must be true or false, not ${nameType(value)}`)
  }
  return value
}

function visitArray(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (!Array.isArray(value)) {
    report(path, 'FieldValueTypeInvalid', `must be a list, not ${nameType(value)}`)
    return value
  }
  if (value.length > (schema.maxItems ?? Infinity)) {
    report(path, 'FieldValueTooMany', `must have at most ${count(schema.maxItems, 'item')}, not ${value.length}`)
    return value
  }
  if (value.length < (schema.minItems ?? 0)) {
    report(path, 'FieldValueInvalid', `must have at least ${count(schema.minItems, 'item')}`)
  }
  const { items = {} } = schema
  const admitted = value.map((item, index) => visit(items, item, [...path, index], report))
  reportDuplicates(schema, admitted, path, report)
  return admitted
}

/** In a list map the keys of an item, in a set the item itself, may occur once. */
function reportDuplicates(schema: StructuralSchema, items: readonly unknown[], path: FieldPath, report: Report): void {
  const listType = schema['x-kubernetes-list-type'] ?? 'atomic'
  if (listType === 'atomic') return
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const firstIndexes = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    if (listType === 'map' && !isObject(item)) continue
    const identity = listType === 'map' && isObject(item) ? keys.map((key) => item[key]) : [item]
    const first = firstIndexes.get(JSON.stringify(identity))
    if (first === undefined) {
      firstIndexes.set(JSON.stringify(identity), index)
    } else {
      const what = keys.length > 0 ? `the same ${keys.join(' and ')} as` : 'the same as'
      report([...path, index], 'FieldValueDuplicate', `has ${what} item ${first}; each may occur once`)
    }
  }
}

function visitObject(schema: StructuralSchema, value: unknown, path: FieldPath, report: Report): unknown {
  if (!isObject(value)) {
    report(path, 'FieldValueTypeInvalid', `must be an object, not ${nameType(value)}`)
    return value
  }
  const size = Object.keys(value).length
  if (size > (schema.maxProperties ?? Infinity)) {
    report(path, 'FieldValueTooMany', `must have at most ${count(schema.maxProperties, 'field')}, not ${size}`)
    return value
  }
  const fields = withDefaults(schema, value)
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(fields, name)) report([...path, name], 'FieldValueRequired', 'is required')
  }
  // fromEntries defines own members, so a field called __proto__ stays a field.
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, visitMember(schema, name, field, [...path, name], report)]),
  )
}

function visitMember(schema: StructuralSchema, name: string, value: unknown, path: FieldPath, report: Report): unknown {
  const member = memberSchema(schema, name)
  if (member !== undefined) return visit(member, value, path, report)
  const known = Object.keys(schema.properties ?? {})
  report(path, 'UnknownField', `unknown field${suggest(name, known) || `; known here: ${known.join(', ')}`}`)
  return value
}

/** Undefined when the schema does not know the field. */
export function memberSchema(schema: StructuralSchema, name: string): StructuralSchema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, name)) return schema.properties[name]
  return schema.additionalProperties ?? (schema['x-kubernetes-preserve-unknown-fields'] === true ? {} : undefined)
}

/**
 * The apiserver takes null for absent where a schema knows the field, and so does this: none of ours may be null. What it does
 * not know, such as a field of a request's body, keeps its null.
 */
function withDefaults(schema: StructuralSchema, value: Record<string, unknown>): Record<string, unknown> {
  const isAbsent = (name: string) => !Object.hasOwn(value, name) || value[name] === null
  const defaults = Object.entries(schema.properties ?? {}).filter(
    ([name, member]) => 'default' in member && isAbsent(name),
  )
  const defaulted = new Set(defaults.map(([name]) => name))
  const present = Object.entries(value).filter(
    ([name, field]) => field !== null || defaulted.has(name) || mayBeNull(memberSchema(schema, name)),
  )
  return Object.fromEntries([
    ...present,
    ...defaults.map(([name, member]): [string, unknown] => [name, structuredClone(member.default)]),
  ])
}

function mayBeNull(schema: StructuralSchema | undefined): boolean {
  return schema?.type === undefined && schema?.['x-kubernetes-int-or-string'] !== true
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function nameType(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction'
  return { object: 'an object', string: 'a string', boolean: 'a boolean' }[String(typeof value)] ?? typeof value
}

function suggest(word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates)
  return candidate === undefined ? '' : `; did you mean ${candidate}?`
}

function count(bound: number | undefined, noun: string): string {
  return `${bound} ${noun}${bound === 1 ? '' : 's'}`
}
