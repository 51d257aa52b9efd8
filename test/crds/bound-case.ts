import type { FileReason } from '../../cli/files/problem.ts'

export type Kind = 'LLMProvider' | 'LLMRoute'

/** `inside` and `outside` are values of `spec`; the second breaks the bound of `field`, for `reason`, and nothing else. */
export type BoundCase = [kind: Kind, field: string, inside: object, outside: object, reason: FileReason]

/** An integer's two bounds. */
export function atBounds(
  kind: Kind,
  field: string,
  spec: (value: number) => object,
  min: number,
  max: number,
): BoundCase[] {
  return [
    [kind, field, spec(min), spec(min - 1), 'FieldValueInvalid'],
    [kind, field, spec(max), spec(max + 1), 'FieldValueInvalid'],
  ]
}

export function repeat<Item>(count: number, item: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => item(index))
}
