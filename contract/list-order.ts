// Problems of lists, for the checks of a whole document: `path: sentence`, as everywhere in the parser.

/** Sets are written as sorted lists, so that equal sets are equal bytes. */
export function unsorted(at: string, items: readonly (string | number)[]): string[] {
  return items.flatMap((item, index) => {
    const before = items[index - 1]
    return before === undefined || before < item ? [] : [`${at}[${index}]: expected more than the one before it`]
  })
}

export function repeated<K extends string>(at: string, key: K, items: readonly Record<K, string>[]): string[] {
  const seen = new Set<string>()
  return items.flatMap((item, index) => {
    if (!seen.has(item[key])) {
      seen.add(item[key])
      return []
    }
    return [`${at}[${index}].${key}: ${JSON.stringify(item[key])} is there already`]
  })
}
