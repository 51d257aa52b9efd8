// JSON Patch (RFC 6902) as far as injection needs it: what is added or replaced, and where.

export interface JsonPatchOperation {
  readonly op: 'add' | 'replace'
  /** JSON Pointer (RFC 6901). */
  readonly path: string
  readonly value: unknown
}

/** Parts of a path → JSON Pointer: `~` and `/` inside a part are escaped. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Adds items to the end of the list at `path`, or makes the list where there is none. */
export function append(
  path: readonly (string | number)[],
  present: unknown,
  items: readonly unknown[],
): JsonPatchOperation[] {
  if (!Array.isArray(present)) return [{ op: 'add', path: pointer(...path), value: items }]
  return items.map((value) => ({ op: 'add', path: pointer(...path, '-'), value }))
}

/** As `append`, but in front of what is there, in the order given. */
export function prepend(
  path: readonly (string | number)[],
  present: unknown,
  items: readonly unknown[],
): JsonPatchOperation[] {
  if (items.length === 0) return []
  if (!Array.isArray(present)) return [{ op: 'add', path: pointer(...path), value: items }]
  return items.map((value, index) => ({ op: 'add', path: pointer(...path, index), value }))
}
