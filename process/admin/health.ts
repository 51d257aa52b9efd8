// Checks and what is told about them. The plain text is that of the Kubernetes API server, which people and tools know.

export type CheckKind = 'live' | 'ready' | 'startup'

export interface Check {
  name: string
  ok: boolean
  /** Why it is not ok, or a remark. Names no key, and no host or path unless no probe shows it. */
  message: string
  /** None: whatever it says, no probe fails for it; `/health` calls the whole degraded. */
  kinds: readonly CheckKind[]
}

export interface Verdict {
  ok: boolean
  /** Ends with a line feed unless it is the bare `ok`. */
  text: string
}

const PATHS: Record<CheckKind, string> = { live: 'livez', ready: 'readyz', startup: 'startupz' }

// That the process answers at all is what `live` means; the others say it too, as the API server does.
const PING: Check = { name: 'ping', ok: true, message: '', kinds: ['live', 'ready', 'startup'] }

export interface VerdictOptions {
  /** Lists the checks also when all is well. */
  detail: 'brief' | 'verbose'
  /** Names of checks that do not count. */
  exclude: readonly string[]
}

export function checksOf(kind: CheckKind, checks: readonly Check[]): Check[] {
  return [PING, ...checks.filter((check) => check.kinds.includes(kind))]
}

export function allOk(checks: readonly Check[]): boolean {
  return checks.every((check) => check.ok)
}

export function plainVerdict(kind: CheckKind, checks: readonly Check[], options: VerdictOptions): Verdict {
  const listed = checksOf(kind, checks)
  const excluded = new Set(options.exclude)
  const ok = allOk(listed.filter((check) => !excluded.has(check.name)))
  if (ok && options.detail === 'brief') return { ok, text: 'ok' }
  const unknown = options.exclude.filter((name) => !listed.some((check) => check.name === name))
  const lines = [
    ...listed.map((check) => checkLine(check, excluded)),
    // The names come from the request: say that there are some, do not repeat them.
    ...(unknown.length === 0 ? [] : [`warn: ${unknown.length} excluded name(s) match no check`]),
    `${PATHS[kind]} check ${ok ? 'passed' : 'failed'}`,
  ]
  return { ok, text: `${lines.join('\n')}\n` }
}

function checkLine({ name, ok, message }: Check, excluded: ReadonlySet<string>): string {
  if (excluded.has(name)) return `[+]${name} excluded: ok`
  return ok ? `[+]${name} ok` : `[-]${name} failed: ${message.replace(/\s+/g, ' ')}`
}
