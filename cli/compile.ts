// `outrigger compile`: prints the document that a sidecar would get, or every problem with its file and line. What is
// wrong anywhere gives no document at all here, although `run` would serve the parts that are valid.

import { compileObjects, formatCompileProblem, renderDocument } from './file-mode.ts'
import { loadFiles } from './files/load.ts'
import { formatProblem } from './files/problem.ts'
import type { Environment } from './flags.ts'

export interface CompileResult {
  exitCode: 0 | 1
  /** For standard output. */
  output: string
  /** For standard error, a line each. */
  messages: string[]
}

export async function compileFiles(
  files: readonly string[],
  namespace: string,
  env: Environment,
): Promise<CompileResult> {
  const loaded = await loadFiles(files, env, { allowLoopback: 'Allow', defaultNamespace: namespace })
  const warnings = loaded.warnings.map((warning) => `warning: ${formatProblem(warning)}`)
  if (loaded.problems.length > 0) {
    return { exitCode: 1, output: '', messages: [...warnings, ...loaded.problems.map(formatProblem)] }
  }
  const { config, problems, ...compiled } = compileObjects(loaded.objects, namespace)
  const messages = [
    ...warnings,
    ...compiled.warnings.map((warning) => `warning: ${formatCompileProblem(warning, loaded)}`),
    ...problems.map((problem) => formatCompileProblem(problem, loaded)),
  ]
  return problems.length > 0
    ? { exitCode: 1, output: '', messages }
    : { exitCode: 0, output: renderDocument(config), messages }
}
