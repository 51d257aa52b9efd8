// Which right the store's user lacks, in words. Some servers name a command that a script may not run, others only its line.

const DENIED = /NOPERM|no permissions? to|can't run this command|can't access at least one of the keys/i
const KEYS_DENIED = /permissions to access|one of the keys/i
const WHERE = '(docs/store.md, "The rights of its user")'

/** In capitals, each once. */
export function commandsOf(lua: string): string[] {
  const found = lua.matchAll(/redis\.call\('(\w+)'/g)
  return [...new Set([...found].map(([, name = '']) => name.toUpperCase()))]
}

/** `message`: what the store said, `lua`: of what it ran, or ''. The same text where that is about something else. */
export function explainDenied(message: string, lua: string): string {
  if (!DENIED.test(message)) return message
  if (KEYS_DENIED.test(message)) return `its user may not use the keys of this prefix ${WHERE}: ${message}`
  const commands = namedCommand(message) ?? commandsOf(lineOf(message, lua)).join(', ')
  return `its user may not run ${commands || 'a command'} ${WHERE}: ${message}`
}

function namedCommand(message: string): string | undefined {
  return /run the '([^']+)' command/.exec(message)?.[1]?.toUpperCase()
}

/** The first line is 1. */
function lineOf(message: string, lua: string): string {
  const line = Number(/@user_script: ?(\d+)/.exec(message)?.[1] ?? 0)
  return lua.split('\n')[line - 1] ?? ''
}
