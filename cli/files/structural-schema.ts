/**
 * The part of Kubernetes' structural schemas that crds/ uses. A keyword that is not here is one that admission would not
 * enforce, so a test refuses it in crds/.
 */
export interface StructuralSchema {
  /** Absent only beside `x-kubernetes-preserve-unknown-fields`, any JSON value, and `x-kubernetes-int-or-string`. */
  type?: 'string' | 'integer' | 'boolean' | 'array' | 'object'
  format?: 'int32'
  default?: unknown
  enum?: string[]
  /** Counted in code points. */
  minLength?: number
  maxLength?: number
  pattern?: string
  minimum?: number
  maximum?: number
  items?: StructuralSchema
  minItems?: number
  maxItems?: number
  required?: string[]
  properties?: Record<string, StructuralSchema>
  additionalProperties?: StructuralSchema
  maxProperties?: number
  'x-kubernetes-preserve-unknown-fields'?: boolean
  /** A whole number or a string; the bounds of each hold for it. */
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic'
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-validations'?: ValidationRule[]
}

/** A CEL rule over the value that it stands beside, which it calls `self`. */
export interface ValidationRule {
  rule: string
  message: string
  reason: 'FieldValueInvalid' | 'FieldValueForbidden'
  /** Member that a violation is reported at, such as `.openAI`. Absent: the value itself. */
  fieldPath?: string
}
