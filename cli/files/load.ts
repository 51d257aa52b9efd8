// File mode's way in: custom resources, Secrets and Namespaces out of YAML files, admitted as an apiserver would.
//
// In: paths of files and folders, the environment. Out: objects with their defaults, problems with file, line and column,
// and warnings. Reading is I/O (read.ts), everything behind it is pure: text → documents with positions (documents.ts) →
// kind (parse.ts) → structure, defaults and CEL rules (admission.ts) or Secrets and Namespaces (core-kinds.ts). It never
// decides what to do about problems, never follows a reference, and never puts a Secret's value into a message: values
// live in SecretValue from the moment they are decoded. Variables are replaced in Secret stringData only, so that no
// other field can change its meaning with the environment. Importing this file compiles all CEL rules (about 20 ms), so
// commands that read no files should not import it.

import type { Environment } from './core-kinds.ts'
import { type FileOptions, type LoadResult, parseFiles } from './parse.ts'
import { readFiles } from './read.ts'

/** Never throws for what is in the files or missing: that is in `problems`. An empty folder is no problem. */
export async function loadFiles(paths: readonly string[], env: Environment, options: FileOptions): Promise<LoadResult> {
  const { files, problems } = await readFiles(paths)
  const result = parseFiles(files, env, options)
  return { ...result, problems: [...problems, ...result.problems] }
}
