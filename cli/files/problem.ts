import type { FieldPath } from './field-path.ts'

/** Why a file, an object or a field was not taken. Those that begin with FieldValue are Kubernetes' own words. */
export type FileReason =
  | 'Unreadable'
  | 'SyntaxError'
  | 'UnknownKind'
  | 'UnknownField'
  | 'DuplicateObject'
  | 'UnsetVariable'
  | 'Skipped'
  | 'FieldValueRequired'
  | 'FieldValueTypeInvalid'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'

/** Line and column count from 1, the column in UTF-16 units. */
export interface Position {
  file: string
  line: number
  column: number
}

/** What a user has to change in a file. Never holds a value out of a Secret. */
export interface FileProblem extends Position {
  /** `LLMRoute shop/chat`; absent when the file, or the object's name, could not be read. */
  object?: string
  /** Such as `spec.rules[0].backends[1].weight`; absent when the object as a whole is meant. */
  field?: string
  reason: FileReason
  /** What is wrong and what to do about it. */
  message: string
}

/** A problem that does not know yet in which file its object stands. */
export interface Finding {
  path: FieldPath
  reason: FileReason
  message: string
}

/** `providers.yaml:12:5: LLMProvider default/openai: spec.type: …` */
export function formatProblem(problem: FileProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return [place, problem.object, problem.field, problem.message].filter((part) => part !== undefined).join(': ')
}
