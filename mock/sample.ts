// Builds one value that satisfies a JSON Schema, for tool arguments and structured output. Deterministic: the first enum
// value, the first branch, the smallest number. It covers what tool schemas contain, not all of JSON Schema.
import { isObject, type JsonObject, numberOf, objectOf, stringOf } from './json.ts'

/** Recursive schemas end here. */
const DEPTH_MAX = 6

/** `hint` names the place of the value and is what a plain string becomes: a property `city` reads "city". */
export function sampleOf(schema: JsonObject, hint = 'value', root = schema, depth = 0): unknown {
  const resolved = resolve(schema, root)
  const fixed = fixedValue(resolved)
  if (fixed !== undefined) return fixed
  if (depth >= DEPTH_MAX) return null
  switch (typeOf(resolved)) {
    case 'object':
      return sampleObject(resolved, root, depth)
    case 'array':
      return [sampleOf(objectOf(resolved.items), hint, root, depth + 1)]
    case 'integer':
      return Math.ceil(numberOf(resolved.minimum) ?? 1)
    case 'number':
      return numberOf(resolved.minimum) ?? 1.5
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return hint
  }
}

/** The sample of a schema that describes an object: what a tool takes. */
export function sampleArguments(schema: JsonObject): JsonObject {
  return objectOf(sampleOf({ type: 'object', ...schema }))
}

function resolve(schema: JsonObject, root: JsonObject): JsonObject {
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].find(Array.isArray)
  const branch = branches?.find((candidate) => isObject(candidate) && typeOf(candidate) !== 'null')
  const reference = stringOf(schema.$ref)
  if (branch) return resolve(branch, root)
  if (!reference.startsWith('#/')) return schema
  const target = reference.slice(2).split('/')
  return objectOf(target.reduce<unknown>((value, key) => objectOf(value)[key], root))
}

function fixedValue(schema: JsonObject): unknown {
  const first = Array.isArray(schema.enum) ? schema.enum[0] : undefined
  return schema.const ?? first ?? schema.default
}

/** Gemini writes types in capitals; a nullable type is a list. */
function typeOf(schema: JsonObject): string {
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== 'null') : schema.type
  return stringOf(type).toLowerCase() || (isObject(schema.properties) ? 'object' : 'string')
}

function sampleObject(schema: JsonObject, root: JsonObject, depth: number): JsonObject {
  const properties = Object.entries(objectOf(schema.properties))
  const required = new Set(Array.isArray(schema.required) ? schema.required : properties.map(([name]) => name))
  const wanted = properties.filter(([name]) => required.has(name))
  return Object.fromEntries(wanted.map(([name, value]) => [name, sampleOf(objectOf(value), name, root, depth + 1)]))
}
