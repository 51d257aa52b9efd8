// Reads flags and their environment variables by a table, with node:util's parser: the process starts in milliseconds
// and needs no command-line framework for that. `--drain-timeout` is `OUTRIGGER_DRAIN_TIMEOUT`; a flag wins.
import { parseArgs } from 'node:util'
import { type FlagTable, parseList, type SettingsOf } from '../process/flag.ts'

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

export type Environment = Readonly<Record<string, string | undefined>>

export interface Parsed<Table extends FlagTable> {
  settings: SettingsOf<Table>
  /** Values of `-f`/`--file`, in order; with `WithFiles` also the words, or else the list in OUTRIGGER_FILE. */
  files: readonly string[]
  /** What else stands beside the flags. */
  words: readonly string[]
}

/** Besides the flags of its table a command takes `-f FILE` and words: `WithFiles` where words are files, too. */
export type Takes = 'WithFiles' | 'WithWords' | 'NoFiles'

interface Option {
  type: 'string' | 'boolean'
  multiple?: boolean
  short?: string
}

const FILE_FLAG: Option = { type: 'string', multiple: true, short: 'f' }

/** Throws UsageError. */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  env: Environment,
  takes: Takes = 'NoFiles',
): Parsed<Table> {
  const names = Object.keys(table)
  const options: Record<string, Option> = Object.fromEntries(
    names.map((name) => [flagName(name), optionOf(table[name])]),
  )
  if (takes !== 'NoFiles') options.file = FILE_FLAG
  const { values, positionals } = parse(argv, options, takes)
  const settings = Object.fromEntries(names.map((name) => [name, settingOf(name, table, values[flagName(name)], env)]))
  const flagged = (values.file ?? []) as string[]
  return {
    settings: settings as SettingsOf<Table>,
    files: takes === 'WithFiles' ? filesOf([...flagged, ...positionals], env) : flagged,
    words: takes === 'WithFiles' ? [] : positionals,
  }
}

function filesOf(named: readonly string[], env: Environment): readonly string[] {
  return named.length > 0 ? named : parseList(env.OUTRIGGER_FILE ?? '')
}

function optionOf(flag: FlagTable[string] | undefined): Option {
  return {
    type: flag?.form === 'Switch' ? 'boolean' : 'string',
    ...(flag?.form === 'List' && { multiple: true }),
    ...(flag?.short !== undefined && { short: flag.short }),
  }
}

/** One line per flag, for `--help`. */
export function flagHelp(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => ({
    left: `${flag.short === undefined ? '' : `-${flag.short}, `}--${flagName(name)} ${flag.value}`.trimEnd(),
    right: flag.default === '' ? flag.help : `${flag.help} Default ${flag.default}.`,
  }))
  const width = Math.max(...rows.map(({ left }) => left.length))
  return rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

/** `--listen is OUTRIGGER_LISTEN`, of the table's first flag. */
export function variableExample(table: FlagTable): string {
  const [first = ''] = Object.keys(table)
  return `--${flagName(first)} is ${variableName(first)}`
}

/** `drainTimeout` → `drain-timeout`. */
function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function variableName(name: string): string {
  return `OUTRIGGER_${flagName(name).replaceAll('-', '_').toUpperCase()}`
}

function parse(
  argv: readonly string[],
  options: Record<string, Option>,
  takes: Takes,
): { values: Record<string, string | boolean | (string | boolean)[] | undefined>; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: takes !== 'NoFiles' })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function settingOf(name: string, table: FlagTable, given: unknown, env: Environment): unknown {
  const variable = variableName(name)
  const flag = table[name]
  const text = textOf(given) ?? env[variable] ?? flag?.default ?? ''
  try {
    return flag?.parse(text)
  } catch (error) {
    const where = given === undefined ? variable : `--${flagName(name)}`
    throw new UsageError(`${where}: ${(error as Error).message}`)
  }
}

/** Undefined where the flag was not given. */
function textOf(given: unknown): string | undefined {
  if (given === undefined) return undefined
  return Array.isArray(given) ? given.join(',') : String(given)
}
