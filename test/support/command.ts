// The command line as a process of its own, with an environment in which nothing is set but what the test says.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { until } from './client.ts'

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export interface Command {
  /** What it has written so far. */
  readonly stdout: string
  readonly stderr: string
  kill(signal: NodeJS.Signals): void
  readonly finished: Promise<Finished>
  /** The first group of the first match in what it writes to stdout; throws when it ends without one. */
  prints(pattern: RegExp): Promise<string>
  /** The first match in what it writes to stderr; throws when it ends without one. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

const MAIN = path.join(import.meta.dirname, '../../cli/main.ts')

export function outrigger(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.stderr += text
  })
  const { promise: finished, resolve } = Promise.withResolvers<Finished>()
  let ended = false
  child.on('close', (code) => {
    ended = true
    resolve({ code, ...written })
  })
  const match = async (stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> => {
    await until(
      () => written[stream],
      (text) => ended || pattern.test(text),
    )
    const found = pattern.exec(written[stream])
    if (found === null) throw new Error(`it ended without ${pattern}: ${JSON.stringify(written)}`)
    return found
  }
  return {
    get stdout() {
      return written.stdout
    },
    get stderr() {
      return written.stderr
    },
    kill: (signal) => void child.kill(signal),
    finished,
    prints: async (pattern) => (await match('stdout', pattern))[1] ?? '',
    says: (pattern) => match('stderr', pattern),
  }
}

export interface Served {
  /** Of the data plane. */
  url: string
  adminUrl: string
  banner: string
}

/** Waits for the banner of `outrigger run`. */
export async function served(command: Command): Promise<Served> {
  const banner = await command.says(/serves on (\S+); health, metrics and status on (\S+)\n(?:.*\n){2}/)
  return { url: banner[1] ?? '', adminUrl: banner[2] ?? '', banner: banner[0] }
}

/** For `outrigger run`: any free ports. */
export const FREE_PORTS = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
