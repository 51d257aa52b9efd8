import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { SourceFile } from './documents.ts'
import type { FileProblem } from './problem.ts'

export interface ReadResult {
  /** In the order of `paths`, within a folder by name. */
  files: SourceFile[]
  /** Paths that could not be read. */
  problems: FileProblem[]
}

const EXTENSION = /\.(ya?ml|json)$/

/**
 * Reads files, and of folders the *.yaml, *.yml and *.json directly inside. Names that begin with a dot are passed over:
 * in a folder that the kubelet projects, those are its own, and the visible names are links to what lies behind them.
 */
export async function readFiles(paths: readonly string[]): Promise<ReadResult> {
  const listed = await Promise.all(paths.map(listFiles))
  const unique = new Map(listed.flatMap(({ paths }) => paths).map((path) => [resolve(path), path]))
  const read = await Promise.all(Array.from(unique.values(), readSourceFile))
  return {
    files: read.flatMap(({ files }) => files),
    problems: [...listed, ...read].flatMap(({ problems }) => problems),
  }
}

async function listFiles(path: string): Promise<{ paths: string[]; problems: FileProblem[] }> {
  try {
    if (!(await stat(path)).isDirectory()) return { paths: [path], problems: [] }
    const names = (await readdir(path)).filter((name) => EXTENSION.test(name) && !name.startsWith('.')).sort()
    return { paths: await withoutFolders(names.map((name) => join(path, name))), problems: [] }
  } catch (error) {
    return { paths: [], problems: [unreadable(path, error)] }
  }
}

/** What cannot be examined stays in, so that reading it reports why. */
async function withoutFolders(paths: readonly string[]): Promise<string[]> {
  const folders = await Promise.all(
    paths.map(async (path) => {
      try {
        return (await stat(path)).isDirectory()
      } catch {
        return false
      }
    }),
  )
  return paths.filter((_, index) => folders[index] !== true)
}

async function readSourceFile(path: string): Promise<ReadResult> {
  try {
    return { files: [{ path, text: await readFile(path, 'utf8') }], problems: [] }
  } catch (error) {
    return { files: [], problems: [unreadable(path, error)] }
  }
}

function unreadable(file: string, error: unknown): FileProblem {
  const { code, message: detail } = error as NodeJS.ErrnoException
  const message = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? detail})`
  return { file, line: 1, column: 1, reason: 'Unreadable', message }
}
