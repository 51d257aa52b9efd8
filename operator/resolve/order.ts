/** For `sort`. Strings by code unit: what `localeCompare` answers depends on the machine, and the bytes must not. */
export function inOrder<T extends number | string>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
