// Runs other programs to their end. In: a command line, text for its stdin. Out: its stdout, or an error that says what it wrote
// to stderr, because "exit code 1" alone has cost people hours.
import { spawn } from 'node:child_process'

export interface CommandOptions {
  /** For stdin; none by default. */
  input?: string
  cwd?: string
  /** On top of this process's own. */
  env?: Readonly<Record<string, string>>
  /** Ended by SIGKILL after that; 120 000 by default. */
  timeoutMs?: number
}

export class CommandError extends Error {
  override name = 'CommandError'
  /** None when a signal ended it. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string

  constructor(line: string, code: number | undefined, stdout: string, stderr: string) {
    super(`${line}\nended with ${code ?? 'a signal'}: ${stderr.trim() || stdout.trim()}`)
    this.code = code
    this.stdout = stdout
    this.stderr = stderr
  }
}

/** stdout. Throws CommandError for an exit code other than 0, a time-out, or a program that is not there. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const { input, cwd, env, timeoutMs = 120_000 } = options
  const child = spawn(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    written.stderr += text
  })
  const line = [command, ...args].join(' ')
  // A program that ends without reading what it is given is judged by its exit code.
  child.stdin?.on('error', () => undefined).end(input)
  child.on('error', (error) => reject(new CommandError(line, undefined, '', error.message)))
  child.on('close', (code) => {
    if (code === 0) resolve(written.stdout)
    else reject(new CommandError(line, code ?? undefined, written.stdout, written.stderr))
  })
  return promise
}

/** Whether it ends with 0. */
export async function succeeds(command: string, args: readonly string[], options?: CommandOptions): Promise<boolean> {
  return await run(command, args, options).then(
    () => true,
    () => false,
  )
}
