// Secrets and Namespaces in files: the two kinds of Kubernetes itself that file mode reads.
import { SecretValue } from '../../contract/secret.ts'
import type { ObjectMeta } from '../../operator/api/object-meta.ts'
import { type Admission, admitBySchema } from './admission.ts'
import { metadataSchema } from './metadata.ts'
import type { Finding } from './problem.ts'
import type { StructuralSchema } from './structural-schema.ts'

export interface FileSecret {
  name: string
  namespace: string
  /** Such as `kubernetes.io/tls`; absent when the file does not say. */
  type?: string
  /** `data` decoded and `stringData` with its variables replaced; where both have a key, `stringData` counts. */
  values: Readonly<Record<string, SecretValue>>
}

export interface FileNamespace {
  name: string
  labels: Readonly<Record<string, string>>
}

/** Variables by name; process.env is one. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Secret {
  metadata: ObjectMeta
  type?: string
  data?: Record<string, string>
  stringData?: Record<string, string>
}

const SECRET_SCHEMA: StructuralSchema = {
  type: 'object',
  required: ['metadata'],
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: metadataSchema('Subdomain'),
    type: { type: 'string' },
    immutable: { type: 'boolean' },
    data: { type: 'object', additionalProperties: { type: 'string' } },
    stringData: { type: 'object', additionalProperties: { type: 'string' } },
  },
}

const NAMESPACE_SCHEMA: StructuralSchema = {
  type: 'object',
  required: ['metadata'],
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: metadataSchema('Label'),
    spec: { 'x-kubernetes-preserve-unknown-fields': true },
    status: { 'x-kubernetes-preserve-unknown-fields': true },
  },
}

const SECRET_KEY = /^[-._a-zA-Z0-9]{1,253}$/
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/** Findings name fields and variables, never a value. */
export function admitSecret(resource: unknown, env: Environment): Admission<FileSecret> {
  const admission = admitBySchema<Secret>(SECRET_SCHEMA, resource)
  if ('findings' in admission) return admission
  const { metadata, type, data = {}, stringData = {} } = admission.object
  const findings = [
    ...checkKeys('data', data),
    ...checkKeys('stringData', stringData),
    ...checkBase64(data),
    ...checkVariables(stringData, env),
  ]
  if (findings.length > 0) return { findings }
  const values = Object.fromEntries([
    ...Object.entries(data).map(([key, value]) => [key, new SecretValue(decodeBase64(value))]),
    ...Object.entries(stringData).map(([key, value]) => [key, new SecretValue(replaceVariables(value, env))]),
  ])
  return { object: { name: metadata.name, namespace: metadata.namespace, ...(type && { type }), values } }
}

export function admitNamespace(resource: unknown): Admission<FileNamespace> {
  const admission = admitBySchema<{ metadata: ObjectMeta }>(NAMESPACE_SCHEMA, resource)
  if ('findings' in admission) return admission
  const { name, labels = {} } = admission.object.metadata
  return { object: { name, labels } }
}

function checkKeys(field: string, values: Record<string, string>): Finding[] {
  const keys = Object.keys(values).filter((key) => !SECRET_KEY.test(key))
  return keys.map((key) => ({
    path: [field, key],
    reason: 'FieldValueInvalid',
    message: 'a key has 1 to 253 letters, digits, -, _ and .',
  }))
}

function checkBase64(data: Record<string, string>): Finding[] {
  const keys = Object.keys(data).filter((key) => !BASE64.test(withoutLineBreaks(data[key] ?? '')))
  return keys.map((key) => ({
    path: ['data', key],
    reason: 'FieldValueInvalid',
    message: 'must be base64; write plain text into stringData instead',
  }))
}

function checkVariables(stringData: Record<string, string>, env: Environment): Finding[] {
  return Object.entries(stringData).flatMap(([key, value]) =>
    variablesOf(value)
      // An empty one is as good as none: a key is not empty.
      .filter((name) => !env[name])
      .map((name): Finding => {
        const message = `the environment variable ${name} is not set`
        return { path: ['stringData', key], reason: 'UnsetVariable', message }
      }),
  )
}

function variablesOf(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(VARIABLE), ([, name]) => name ?? ''))]
}

function replaceVariables(text: string, env: Environment): string {
  return text.replace(VARIABLE, (_, name: string) => env[name] ?? '')
}

/** atob gives Latin-1; keys and PEM are UTF-8. */
function decodeBase64(text: string): string {
  return Buffer.from(withoutLineBreaks(text), 'base64').toString('utf8')
}

function withoutLineBreaks(text: string): string {
  return text.replace(/[\r\n]/g, '')
}
