// Which kinds file mode reads, and with what: a kind is a row of READERS.
import { API_GROUP, API_VERSION } from '../../contract/names.ts'
import type { LLMProvider } from '../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../operator/api/llm-route.ts'
import { type Admission, admit } from './admission.ts'
import type { ForbiddenRules } from './cel-rules.ts'
import { admitNamespace, admitSecret, type Environment, type FileNamespace, type FileSecret } from './core-kinds.ts'
import type { FieldPath } from './field-path.ts'
import { nearest } from './nearest.ts'
import type { FileReason, Finding } from './problem.ts'
import { isObject } from './structure.ts'

export interface FileObjects {
  providers: LLMProvider[]
  routes: LLMRoute[]
  secrets: FileSecret[]
  namespaces: FileNamespace[]
}

export interface ReadContext {
  env: Environment
  forbidden: ForbiddenRules
}

/** Adds the object to its list, or says why not. */
export type Reader = (value: unknown, context: ReadContext, objects: FileObjects) => Finding[]

const READERS: ReadonlyMap<string, Reader> = new Map([
  [
    `${API_VERSION} LLMProvider`,
    (value, { forbidden }, objects) => take(admit('LLMProvider', value, forbidden), objects.providers),
  ],
  [
    `${API_VERSION} LLMRoute`,
    (value, { forbidden }, objects) => take(admit('LLMRoute', value, forbidden), objects.routes),
  ],
  ['v1 Secret', (value, { env }, objects) => take(admitSecret(value, env), objects.secrets)],
  ['v1 Namespace', (value, _, objects) => take(admitNamespace(value), objects.namespaces)],
] satisfies [string, Reader][])

const OUR_KINDS = ['LLMProvider', 'LLMRoute']

function take<T>(admission: Admission<T>, list: T[]): Finding[] {
  if ('findings' in admission) return admission.findings
  list.push(admission.object)
  return []
}

export type ReaderChoice = { reader: Reader; finding?: never } | { reader?: never; finding: Finding }

/** A finding of reason Skipped is a remark; every other is the user's mistake. */
export function chooseReader(value: unknown): ReaderChoice {
  if (!isObject(value)) return refuse([], 'UnknownKind', 'expected an object with apiVersion, kind and metadata')
  const { apiVersion, kind } = value
  if (typeof apiVersion !== 'string') return refuse(['apiVersion'], 'FieldValueRequired', 'is required, as a string')
  if (typeof kind !== 'string') return refuse(['kind'], 'FieldValueRequired', 'is required, as a string')
  const reader = READERS.get(`${apiVersion} ${kind}`)
  if (reader !== undefined) return { reader }
  if (apiVersion.split('/')[0] !== API_GROUP) {
    return refuse([], 'Skipped', `${apiVersion} ${kind} means nothing to file mode and is passed over`)
  }
  if (apiVersion !== API_VERSION) return refuse(['apiVersion'], 'UnknownKind', `must be ${API_VERSION}`)
  const meant = nearest(kind, OUR_KINDS)
  return refuse(
    ['kind'],
    'UnknownKind',
    meant ? `unknown kind; did you mean ${meant}?` : `known: ${OUR_KINDS.join(', ')}`,
  )
}

function refuse(path: FieldPath, reason: FileReason, message: string): ReaderChoice {
  return { finding: { path, reason, message } }
}
