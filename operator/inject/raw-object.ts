// Reads objects of which only some fields are known. A pod is read like this and never parsed into a type, because what a
// type does not know (a field of a newer Kubernetes) is lost by it. What has another form than expected reads as absent.

export type RawObject = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function recordAt(object: RawObject, field: string): RawObject {
  const value = object[field]
  return isRecord(value) ? value : {}
}

/** Items that are no objects read as empty ones, so that indexes stay right. */
export function recordsAt(object: RawObject, field: string): readonly RawObject[] {
  const value = object[field]
  return Array.isArray(value) ? value.map((item: unknown) => (isRecord(item) ? item : {})) : []
}

export function textAt(object: RawObject, field: string): string | undefined {
  const value = object[field]
  return typeof value === 'string' ? value : undefined
}
