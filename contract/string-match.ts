// How a pattern of a rule's match holds for a model's name or a header's value: sidecars ask for each request, and compile asks
// which models a rule can reach.
import type { StringMatchConfig } from './sidecar-config.ts'

export type StringMatcher = (value: string) => boolean

export function compileString(config: StringMatchConfig): StringMatcher {
  const { type, value: pattern } = config
  switch (type) {
    case 'Exact':
      return (value) => value === pattern
    case 'Prefix':
      return (value) => value.startsWith(pattern)
    case 'Glob':
      return (value) => matchesGlob(pattern, value)
  }
}

/**
 * `*` stands for any run of characters, also none and also `/`; `?` for exactly one UTF-16 unit; all else for itself.
 *
 * On a mismatch only the newest `*` takes one character more: an earlier one never needs to, since the newest can absorb
 * whatever it would. So the work is bounded by pattern × value, where a regular expression could take exponential time
 * on a value that a client chose.
 */
function matchesGlob(pattern: string, value: string): boolean {
  let p = 0
  let v = 0
  let star = -1
  let resumeAt = 0
  while (v < value.length) {
    if (pattern[p] === '*') {
      star = p++
      resumeAt = v
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === value[v])) {
      p++
      v++
    } else if (star >= 0) {
      p = star + 1
      v = ++resumeAt
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
