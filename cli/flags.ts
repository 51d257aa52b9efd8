// Reads flags and their environment variables by a table, with node:util's parser: the process starts in milliseconds
// and needs no command-line framework for that. `--drain-timeout` is `OUTRIGGER_DRAIN_TIMEOUT`; a flag wins.
import { parseArgs } from 'node:util'
import { type FlagTable, parseList, type SettingsOf } from '../process/flag.ts'

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

export type Environment = Readonly<Record<string, string | undefined>>

export interface Parsed<Table extends FlagTable> {
  settings: SettingsOf<Table>
  /** Values of `-f`/`--file`, in order, and what stands after the flags; without any, the list in OUTRIGGER_FILE. */
  files: readonly string[]
}

const FILE_FLAG = { type: 'string', multiple: true, short: 'f' } as const

/** Throws UsageError. */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  env: Environment,
  files: 'WithFiles' | 'NoFiles' = 'NoFiles',
): Parsed<Table> {
  const names = Object.keys(table)
  const options: Record<string, { type: 'string'; multiple?: boolean; short?: string }> = Object.fromEntries(
    names.map((name) => [flagName(name), { type: 'string' }]),
  )
  if (files === 'WithFiles') options.file = FILE_FLAG
  const given = parse(argv, options, files)
  const settings = Object.fromEntries(
    names.map((name) => [name, settingOf(name, table, given.values[flagName(name)], env)]),
  )
  const named = [...((given.values.file ?? []) as string[]), ...given.positionals]
  const inherited = files === 'WithFiles' ? parseList(env.OUTRIGGER_FILE ?? '') : []
  return { settings: settings as SettingsOf<Table>, files: named.length > 0 ? named : inherited }
}

/** One line per flag, for `--help`. */
export function flagHelp(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => ({
    left: `--${flagName(name)} ${flag.value}`,
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
  options: Record<string, { type: 'string'; multiple?: boolean; short?: string }>,
  files: 'WithFiles' | 'NoFiles',
): { values: Record<string, string | boolean | (string | boolean)[] | undefined>; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: files === 'WithFiles' })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function settingOf(name: string, table: FlagTable, given: unknown, env: Environment): unknown {
  const variable = variableName(name)
  const flag = table[name]
  const text = typeof given === 'string' ? given : (env[variable] ?? flag?.default ?? '')
  try {
    return flag?.parse(text)
  } catch (error) {
    const where = typeof given === 'string' ? `--${flagName(name)}` : variable
    throw new UsageError(`${where}: ${(error as Error).message}`)
  }
}
