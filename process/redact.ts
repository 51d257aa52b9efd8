// What may stand in a log line: a copy of the fields without anything that looks like a credential. Bounded in depth and
// length, so that a large or circular object cannot fill the disk.

const REDACTED = '[redacted]'

/** Lower case, letters and digits only: `X-Api-Key`, `xApiKey` and `x_api_key` are the same. */
const SECRET_NAMES = new Set([
  'authorization',
  'proxyauthorization',
  'apikey',
  'xapikey',
  'xgoogapikey',
  'cookie',
  'setcookie',
  'password',
  'secret',
  'rawheaders',
])

/** Keys of the known providers and what follows an authentication scheme, in the midst of a text. */
const SECRET_TEXT = /\b(?:sk-[\w-]{8,}|AIza[\w-]{30,}|(?:Bearer|Basic) [\w+/=.~-]{8,})/g

const DEPTH_MAX = 6
const ITEMS_MAX = 100
const TEXT_MAX = 8192

export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactedText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth === DEPTH_MAX) return '[too deep]'
  if (value instanceof Error) return redactedFields(errorFields(value), depth)
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => redacted(item, depth + 1))
  if ('toJSON' in value && typeof value.toJSON === 'function') return redacted(value.toJSON(), depth + 1)
  return redactedFields(value, depth)
}

function redactedFields(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, ITEMS_MAX)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, isSecretName(name) ? REDACTED : redacted(value, depth + 1)]),
  )
}

function redactedText(text: string): string {
  const bounded = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  return bounded.replace(SECRET_TEXT, REDACTED)
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replace(/[^a-z0-9]/g, ''))
}

function errorFields(error: Error): object {
  const { name, message, stack, cause } = error
  const code = 'code' in error ? error.code : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined ? {} : { cause }),
    ...(stack === undefined ? {} : { stack }),
  }
}
