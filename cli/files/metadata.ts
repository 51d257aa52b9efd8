import type { ObjectMeta } from '../../operator/api/object-meta.ts'
import type { FieldPath } from './field-path.ts'
import type { Finding } from './problem.ts'
import type { StructuralSchema } from './structural-schema.ts'

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'
const QUALIFIED_NAME = new RegExp(`^(${DNS_LABEL}(\\.${DNS_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

/** Fields that an apiserver sets; a file that was exported from a cluster has them, and applying it ignores them. */
const SET_BY_APISERVER = [
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'managedFields',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
]

/** ObjectMeta as a file may write it. Namespaces are named by a DNS label, all else by a DNS subdomain. */
export function metadataSchema(form: 'Label' | 'Subdomain', nameLengthMax = 253): StructuralSchema {
  return {
    type: 'object',
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        maxLength: form === 'Label' ? 63 : nameLengthMax,
        pattern: form === 'Label' ? `^${DNS_LABEL}$` : `^${DNS_LABEL}(\\.${DNS_LABEL})*$`,
      },
      namespace: { type: 'string', maxLength: 63, pattern: `^${DNS_LABEL}$` },
      labels: {
        type: 'object',
        additionalProperties: { type: 'string', maxLength: 63, pattern: `^${LABEL_VALUE}$` },
      },
      annotations: { type: 'object', additionalProperties: { type: 'string' } },
      ...Object.fromEntries(SET_BY_APISERVER.map((field) => [field, { 'x-kubernetes-preserve-unknown-fields': true }])),
    },
  }
}

/** What a schema cannot say: the form of the keys of labels and annotations. */
export function checkMetadataKeys(metadata: ObjectMeta): Finding[] {
  return (['labels', 'annotations'] as const).flatMap((field) =>
    Object.keys(metadata[field] ?? {})
      .filter((key) => !QUALIFIED_NAME.test(key))
      .map((key): Finding => {
        const path: FieldPath = ['metadata', field, key]
        return { path, reason: 'FieldValueInvalid', message: 'write the key like app or example.com/app' }
      }),
  )
}

/** What the apiserver would set itself is dropped, as it is when a file is applied. */
export function withoutApiserverFields({ name, namespace, labels, annotations }: ObjectMeta): ObjectMeta {
  return { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) }
}
