// File mode's compile step: the operator's own resolve and compile, fed by files instead of watches. Pure.
import { CONFIG_FILE } from '../contract/names.ts'
import type { SecretValue } from '../contract/secret.ts'
import type { SidecarConfig } from '../contract/sidecar-config.ts'
import type { Problem } from '../operator/api/problem.ts'
import { compile } from '../operator/compile/compile.ts'
import { resolve } from '../operator/resolve/resolve.ts'
import type { FileObjects } from './files/kinds.ts'
import type { LoadResult } from './files/parse.ts'

export interface Compilation {
  config: SidecarConfig
  problems: Problem[]
  warnings: Problem[]
  /** What is to be published, by file name: the document and the credentials that it names. */
  files: ReadonlyMap<string, string | SecretValue>
}

export function compileObjects(objects: FileObjects, namespace: string): Compilation {
  const secrets = objects.secrets.map(({ values, ...secret }) => ({ ...secret, keys: Object.keys(values) }))
  const { config, credentials, problems, warnings } = compile(resolve({ ...objects, secrets }, namespace))
  const files = new Map<string, string | SecretValue>([[CONFIG_FILE, renderDocument(config)]])
  for (const { file, secret } of credentials) {
    const source = objects.secrets.find(({ namespace, name }) => namespace === secret.namespace && name === secret.name)
    const value = source?.values[secret.key]
    if (value !== undefined) files.set(file, value)
  }
  return { config, problems, warnings, files }
}

export function renderDocument(config: SidecarConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`
}

/** `routes.yaml:12:5: LLMRoute default/chat: spec.rules[0].backends[1].model: …` */
export function formatCompileProblem(problem: Problem, loaded: LoadResult): string {
  const { kind, namespace, name } = problem.object
  const position = loaded.locate(kind, namespace, name, problem.field)
  const place = position === undefined ? '' : `${position.file}:${position.line}:${position.column}: `
  return `${place}${kind} ${namespace}/${name}: ${problem.field}: ${problem.message}`
}
