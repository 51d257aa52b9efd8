import type { Environment } from './core-kinds.ts'
import { type FileResource, parseDocuments, type SourceFile } from './documents.ts'
import { parseFieldPath, renderFieldPath } from './field-path.ts'
import { chooseReader, type FileObjects, type ReadContext } from './kinds.ts'
import type { FileProblem, Finding, Position } from './problem.ts'
import { isObject } from './structure.ts'

export interface FileOptions {
  /** Whether a base URL may name the machine itself: in a cluster it never may, on a laptop that is where servers are. */
  allowLoopback: 'Allow' | 'Refuse'
  /** Namespace of objects that name none. */
  defaultNamespace: string
}

export interface LoadResult {
  /** Those without problems, in the order of the files. When `problems` is not empty, none of them should be adopted. */
  objects: FileObjects
  problems: FileProblem[]
  /** What was passed over, such as a Deployment. */
  warnings: FileProblem[]
  /** Where a field is written, or its nearest parent that is; undefined when no file has the object. */
  locate(kind: string, namespace: string, name: string, field: string): Position | undefined
}

/** Reads the objects out of file texts. Pure: a mistake in them is a problem with its place, never an exception. */
export function parseFiles(files: readonly SourceFile[], env: Environment, options: FileOptions): LoadResult {
  const context: ReadContext = { env, forbidden: options.allowLoopback === 'Allow' ? 'Skip' : 'Enforce' }
  const collected: Collected = {
    objects: { providers: [], routes: [], secrets: [], namespaces: [] },
    problems: [],
    warnings: [],
    resources: new Map(),
  }
  for (const file of files) {
    const { resources, problems } = parseDocuments(file)
    collected.problems.push(...problems)
    for (const resource of resources) collect(resource, options.defaultNamespace, context, collected)
  }
  const { objects, problems, warnings, resources } = collected
  return {
    objects,
    problems,
    warnings,
    locate: (kind, namespace, name, field) =>
      resources.get(objectLabel(kind, namespace, name))?.locate(parseFieldPath(field)),
  }
}

interface Collected extends Omit<LoadResult, 'locate'> {
  /** By objectLabel: the first that has it. */
  resources: Map<string, FileResource>
}

function collect(resource: FileResource, defaultNamespace: string, context: ReadContext, collected: Collected): void {
  const { reader, finding } = chooseReader(resource.value)
  const named = nameObject(resource.value, defaultNamespace)
  const asProblem = ({ path, reason, message }: Finding): FileProblem => ({
    ...resource.locate(path),
    ...(named && { object: named.label }),
    ...(path.length > 0 && { field: renderFieldPath(path) }),
    reason,
    message,
  })
  if (reader === undefined) {
    const list = finding.reason === 'Skipped' ? collected.warnings : collected.problems
    list.push(asProblem(finding))
    return
  }
  const first = named && collected.resources.get(named.label)
  if (first !== undefined) {
    collected.problems.push(asProblem(duplicateOf(first)))
    return
  }
  if (named !== undefined) collected.resources.set(named.label, resource)
  const findings = reader(named?.value ?? resource.value, context, collected.objects)
  collected.problems.push(...findings.map(asProblem).sort((a, b) => a.line - b.line || a.column - b.column))
}

function duplicateOf(first: FileResource): Finding {
  const { file, line, column } = first.locate(['metadata', 'name'])
  const message = `is defined a second time; the first is at ${file}:${line}:${column}`
  return { path: ['metadata', 'name'], reason: 'DuplicateObject', message }
}

/** The object with its namespace filled in, and what to call it; undefined when it has no name. */
function nameObject(value: unknown, defaultNamespace: string): { label: string; value: unknown } | undefined {
  if (!isObject(value) || !isObject(value.metadata)) return undefined
  const { kind, metadata } = value
  if (typeof kind !== 'string' || typeof metadata.name !== 'string') return undefined
  if (kind === 'Namespace') return { label: objectLabel(kind, '', metadata.name), value }
  // An empty namespace is an absent one, as for the apiserver.
  const namespace = metadata.namespace || defaultNamespace
  return {
    label: objectLabel(kind, String(namespace), metadata.name),
    value: { ...value, metadata: { ...metadata, namespace } },
  }
}

function objectLabel(kind: string, namespace: string, name: string): string {
  return kind === 'Namespace' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`
}
