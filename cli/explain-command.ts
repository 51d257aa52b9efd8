// What `outrigger explain` reads: files one after the other, or standard input.
import { createReadStream } from 'node:fs'
import { type Explained, type ExplainRequest, explain } from './explain/explain.ts'

/** What cannot be read is the user's input: exit code 1. */
export async function explainFiles(files: readonly string[], request: ExplainRequest): Promise<Explained> {
  try {
    return await explain(linesOf(chunksOf(files)), request)
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException
    if (syscall !== 'open' && syscall !== 'read') throw error
    return { exitCode: 1, output: '', message: `the access log cannot be read: ${message}` }
  }
}

async function* chunksOf(files: readonly string[]): AsyncGenerator<string> {
  if (files.length === 0) yield* process.stdin.setEncoding('utf8') as AsyncIterable<string>
  for (const file of files) {
    yield* createReadStream(file, 'utf8') as AsyncIterable<string>
    // The last line of a file may lack its end.
    yield '\n'
  }
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  yield rest
}
