// Checks of plain JSON values against a TypeScript type: a few combinators, so that `parse.ts` reads like the type itself.
// Goes in: an unknown value, the path where it stands. Comes out: whether it has the shape, and one sentence for each place
// where it does not. Nothing is copied, converted or filled in, and nothing throws.
// A schema library was rejected: the contract imports nothing, and `Fields<T>` makes the compiler demand one check for each
// field of the type, so the two cannot drift apart.

/** True when `value` is a T; otherwise at least one `path: what was expected` has been added to `problems`. */
export type Check<T> = (value: unknown, at: string, problems: string[]) => value is T

interface Optional<T> {
  optional: Check<T>
}

/** One check for each field of T, `optional(…)` exactly where T says `?`. */
type Fields<T> = { [K in keyof T]-?: object extends Pick<T, K> ? Optional<Exclude<T[K], undefined>> : Check<T[K]> }

export function optional<T>(check: Check<T>): Optional<T> {
  return { optional: check }
}

/** Any JSON value. */
export function anything(value: unknown): value is unknown {
  return value !== undefined
}

/** A string of which `accepts` holds; `expected` continues the sentence "expected …". */
export function text(expected: string, accepts: (value: string) => boolean): Check<string> {
  return (value, at, problems): value is string =>
    (typeof value === 'string' && accepts(value)) || refuse(problems, at, `expected ${expected}`)
}

/** An integer, `min` and `max` included; one that a double holds exactly unless `max` is larger. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value, at, problems): value is number => {
    if (typeof value === 'number' && value > max) return refuse(problems, at, `expected an integer ≤ ${max}`)
    return (Number.isInteger(value) && (value as number) >= min) || refuse(problems, at, `expected an integer ≥ ${min}`)
  }
}

export function literal<T extends number>(expected: T): Check<T> {
  return (value, at, problems): value is T => value === expected || refuse(problems, at, `expected ${expected}`)
}

export function oneOf<T extends string>(...choices: T[]): Check<T> {
  return (value, at, problems): value is T =>
    choices.some((choice) => choice === value) || refuse(problems, at, `expected one of ${choices.join(', ')}`)
}

export function listOf<T>(item: Check<T>): Check<T[]> {
  return (value, at, problems): value is T[] => {
    if (!Array.isArray(value)) return refuse(problems, at, 'expected a list')
    return all(value.map((element, index) => item(element, `${at}[${index}]`, problems)))
  }
}

/** An object whose keys are data. */
export function mapOf<T>(item: Check<T>): Check<Record<string, T>> {
  return (value, at, problems): value is Record<string, T> => {
    if (!isObject(value)) return refuse(problems, at, 'expected an object')
    return all(Object.entries(value).map(([key, element]) => item(element, `${at}[${JSON.stringify(key)}]`, problems)))
  }
}

/** An object with exactly these fields. */
export function objectOf<T extends object>(fields: Fields<T>): Check<T> {
  const checks = Object.entries<Check<unknown> | Optional<unknown>>(fields)
  return (value, at, problems): value is T => {
    if (!isObject(value)) return refuse(problems, at, 'expected an object')
    const known = checks.map(([name, check]) => {
      const path = member(at, name)
      if (typeof check === 'function') {
        return Object.hasOwn(value, name) ? check(value[name], path, problems) : refuse(problems, path, 'missing')
      }
      return !Object.hasOwn(value, name) || check.optional(value[name], path, problems)
    })
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(fields, name))
    for (const name of unknown) refuse(problems, member(at, name), 'unknown field')
    return all(known) && unknown.length === 0
  }
}

/** One of several objects, told apart by their `type`. */
export function variantOf<T extends { type: string }>(variants: Record<T['type'], Check<T>>): Check<T> {
  const checks: Record<string, Check<T>> = variants
  return (value, at, problems): value is T => {
    if (!isObject(value)) return refuse(problems, at, 'expected an object')
    const { type } = value
    if (typeof type !== 'string' || !Object.hasOwn(checks, type)) {
      return refuse(problems, member(at, 'type'), `expected one of ${Object.keys(checks).join(', ')}`)
    }
    return checks[type]?.(value, at, problems) === true
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(problems: string[], at: string, sentence: string): false {
  problems.push(`${at}: ${sentence}`)
  return false
}

function member(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`
}

// After every element has had its say: a short-circuit would hide the later problems.
function all(results: boolean[]): boolean {
  return results.every((result) => result)
}
