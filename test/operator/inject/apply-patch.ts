// Applies a JSON Patch as RFC 6902 has it, for the operations that injection uses. Strict: a path that leads nowhere throws,
// as it would make the API server refuse the pod.
import type { JsonPatchOperation } from '../../../operator/inject/json-patch.ts'

type Container = Record<string, unknown> | unknown[]

export function applyPatch(document: unknown, patch: readonly JsonPatchOperation[]): unknown {
  const result = structuredClone(document)
  for (const operation of patch) apply(result, structuredClone(operation))
  return result
}

function apply(document: unknown, { op, path, value }: JsonPatchOperation): void {
  const parts = path.split('/').slice(1).map(unescaped)
  const last = parts.pop()
  let target = document
  for (const part of parts) target = (target as Record<string, unknown>)[part]
  if (last === undefined || typeof target !== 'object' || target === null) throw new Error(`${path} leads nowhere`)
  if (op === 'replace' && !Object.hasOwn(target, last)) throw new Error(`there is nothing at ${path}`)
  set(target as Container, last, value, { op, path })
}

function set(target: Container, name: string, value: unknown, { op, path }: Omit<JsonPatchOperation, 'value'>): void {
  if (!Array.isArray(target)) {
    target[name] = value
    return
  }
  const index = name === '-' ? target.length : Number(name)
  if (!(index <= target.length)) throw new Error(`${path} is beyond the list`)
  target.splice(index, op === 'add' ? 0 : 1, value)
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
