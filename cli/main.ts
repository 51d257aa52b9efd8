#!/usr/bin/env node
// The command line: `outrigger COMMAND`. Exit codes: 0 fine, 1 the user's input is wrong, 2 usage, 70 our own fault.
import { OPERATOR_FLAGS } from '../operator/settings.ts'
import type { LogLevel } from '../process/log.ts'
import { createLog, type Log } from '../process/log.ts'
import { createOutput, type Output } from '../process/output.ts'
import { startSidecar } from '../sidecar/sidecar.ts'
import { flagHelp, parseFlags, UsageError, variableExample } from './flags.ts'
import {
  COMPILE_FLAGS,
  EXPLAIN_FLAGS,
  environment,
  MOCK_FLAGS,
  RUN_FLAGS,
  SERVE_FLAGS,
  USAGE_FLAGS,
} from './settings.ts'
import { VERSION } from './version.ts'

const EXIT = { fine: 0, input: 1, usage: 2, fault: 70 } as const

interface Command {
  summary: string
  usage: string
  flags: Parameters<typeof flagHelp>[0]
  run(argv: readonly string[]): Promise<number>
}

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    summary:
      'Serve from YAML files (of a folder: *.yaml, *.yml, *.json, no subfolders), or the quick-start example when none is given.',
    usage: 'outrigger run [-f FILE_OR_FOLDER]… [FLAGS]',
    flags: RUN_FLAGS,
    run: runFiles,
  },
  compile: {
    summary: 'Print the document that a sidecar would get, or the problems with file and line.',
    usage: 'outrigger compile -f FILE_OR_FOLDER… [FLAGS]',
    flags: COMPILE_FLAGS,
    run: compileCommand,
  },
  explain: {
    summary: 'Tell why a request ended as it did, from an access log on standard input or in a file.',
    usage: 'outrigger explain [REQUEST_ID] [-f FILE]… [FLAGS]',
    flags: EXPLAIN_FLAGS,
    run: explainCommand,
  },
  usage: {
    summary: 'Tell what was used: requests, tokens and cost, of one sidecar or of all of a cluster.',
    usage: 'outrigger usage [--from URL… | --namespace NAME | --all-namespaces] [FLAGS]',
    flags: USAGE_FLAGS,
    run: usageCommand,
  },
  mock: {
    summary: 'Serve a mock of the OpenAI, Anthropic and Gemini APIs.',
    usage: 'outrigger mock [FLAGS]',
    flags: MOCK_FLAGS,
    run: mockCommand,
  },
  operator: {
    summary: 'Reconcile LLMProviders and LLMRoutes, and inject sidecars, in a cluster.',
    usage: 'outrigger operator [FLAGS]',
    flags: OPERATOR_FLAGS,
    run: operatorCommand,
  },
  sidecar: {
    summary: 'Serve from a mounted directory, as in a pod.',
    usage: 'outrigger sidecar [FLAGS]',
    flags: SERVE_FLAGS,
    run: sidecarCommand,
  },
}

async function main(argv: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = argv
  if (name === '--version' || name === 'version') return say(`outrigger ${VERSION}`)
  if (name === 'help' || name === '--help' || name === '-h') return say(overview())
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new UsageError(`unknown command "${name}"; see outrigger help`)
  if (rest.includes('--help') || rest.includes('-h')) return say(helpOf(command))
  return command.run(rest)
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`)
  return `Usage: outrigger COMMAND [FLAGS]\n\n${rows.join('\n')}\n\nSee outrigger COMMAND --help.`
}

function helpOf({ summary, usage, flags }: Command): string {
  const variables = `Every flag has a variable: ${variableExample(flags)}.`
  return `${summary}\n\nUsage: ${usage}\n\n${flagHelp(flags)}\n\n${variables}`
}

async function runFiles(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(RUN_FLAGS, argv, environment(), 'WithFiles')
  // Reading files means compiling the schemas' rules, which the other commands need not wait for.
  const { InputError, run } = await import('./file-commands.ts')
  const { log, output } = createLogs('sidecar', parsed.settings)
  try {
    const running = await run({
      ...parsed,
      env: environment(),
      log,
      output,
      print: (line) => process.stderr.write(`${line}\n`),
    })
    return await untilStopped(running.stop, output)
  } catch (error) {
    if (error instanceof InputError) return complain(error.message)
    throw error
  }
}

async function sidecarCommand(argv: readonly string[]): Promise<number> {
  const { settings } = parseFlags(SERVE_FLAGS, argv, environment())
  const { log, output } = createLogs('sidecar', settings)
  const sidecar = await startSidecar({ settings, version: VERSION, directory: settings.configDir, log, output })
  log.info('serving', { version: VERSION, dataPlane: sidecar.dataPlane, admin: sidecar.admin })
  return untilStopped(() => sidecar.drain(), output)
}

async function operatorCommand(argv: readonly string[]): Promise<number> {
  const { settings } = parseFlags(OPERATOR_FLAGS, argv, environment())
  // Its Kubernetes client is more than all of the sidecar.
  const { OperatorInputError, startOperator } = await import('./operator-command.ts')
  const { log, output } = createLogs('operator', settings)
  try {
    const operator = await startOperator({ settings, version: VERSION, log })
    return await untilStopped(() => operator.stop(), output)
  } catch (error) {
    if (error instanceof OperatorInputError) return complain(error.message)
    throw error
  }
}

async function compileCommand(argv: readonly string[]): Promise<number> {
  const { settings, files } = parseFlags(COMPILE_FLAGS, argv, environment(), 'WithFiles')
  if (files.length === 0) throw new UsageError('compile needs at least one -f FILE_OR_FOLDER')
  const { compileFiles } = await import('./file-commands.ts')
  const { exitCode, output, messages } = await compileFiles(files, settings.namespace, environment())
  process.stdout.write(output)
  for (const message of messages) process.stderr.write(`${message}\n`)
  return exitCode
}

async function explainCommand(argv: readonly string[]): Promise<number> {
  const { settings, files, words } = parseFlags(EXPLAIN_FLAGS, argv, environment(), 'WithWords')
  const [requestId, ...others] = words
  if (others.length > 0) throw new UsageError('explain takes one request id; files are given with -f FILE')
  if (files.length === 0 && process.stdin.isTTY) {
    throw new UsageError('explain reads an access log from standard input, or from -f FILE')
  }
  const { explainFiles } = await import('./explain-command.ts')
  const { exitCode, output, message } = await explainFiles(files, { requestId, ...settings })
  process.stdout.write(output)
  if (message !== '') process.stderr.write(`outrigger: ${message}\n`)
  return exitCode
}

async function usageCommand(argv: readonly string[]): Promise<number> {
  const { settings } = parseFlags(USAGE_FLAGS, argv, environment())
  const { usage } = await import('./usage-command.ts')
  const { exitCode, output, messages } = await usage(settings, environment(), Date.now())
  process.stdout.write(output)
  for (const message of messages) process.stderr.write(`outrigger: ${message}\n`)
  return exitCode
}

async function mockCommand(argv: readonly string[]): Promise<number> {
  const { settings } = parseFlags(MOCK_FLAGS, argv, environment())
  const { startMock } = await import('./file-commands.ts')
  const mock = await startMock(settings.listen)
  say(`The mock provider serves OpenAI's, Anthropic's and Gemini's APIs on ${mock.url}`)
  return untilStopped(() => mock.close(), undefined)
}

function createLogs(service: string, settings: { logLevel: LogLevel }): { log: Log; output: Output } {
  const output = createOutput(process.stdout.fd)
  const log = createLog({
    level: settings.logLevel,
    service,
    format: process.stdout.isTTY ? 'pretty' : 'json',
    write: (line) => output.write(line),
    now: Date.now,
  })
  return { log, output }
}

/** Stops at the first SIGTERM, SIGINT or SIGHUP; a second one ends the process at once. */
async function untilStopped(stop: () => Promise<void>, output: Output | undefined): Promise<number> {
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
    // The terminal was closed.
    process.once('SIGHUP', resolve)
  })
  process.once('SIGTERM', () => process.exit(EXIT.fine))
  process.once('SIGINT', () => process.exit(EXIT.fine))
  await stop()
  await output?.drained()
  return EXIT.fine
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return EXIT.fine
}

function complain(text: string): number {
  process.stderr.write(`${text}\n`)
  return EXIT.input
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`outrigger: ${error.message}\n`)
    return EXIT.usage
  }
  const { syscall, message, stack } = error as NodeJS.ErrnoException
  if (syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo') {
    return complain(`outrigger: ${message}; choose another address with --listen or --admin`)
  }
  process.stderr.write(`outrigger: this is a fault of Outrigger's own, please report it\n${stack ?? String(error)}\n`)
  return EXIT.fault
}

// Nothing should end up here. If something does, the state of the process is unknown: say so and let it be restarted.
process.on('uncaughtException', (error) => process.exit(exitCodeOf(error)))
process.on('unhandledRejection', (error) => process.exit(exitCodeOf(error)))

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => process.exit(exitCodeOf(error)),
)
