// What a store's INFO says that matters here. Pure; a text without the field, as a user without the right has it, says nothing.

/** A store that is not there yet, although it lets us in. */
export function isLoading(info: string): boolean {
  return fieldOf(info, 'loading') === '1'
}

/**
 * The `maxmemory-policy` by which the store may forget counts; undefined where it evicts nothing. All our keys expire, so policies for
 * volatile keys concern them as well. Without a `maxmemory` there is no moment at which any policy acts.
 */
export function evictionPolicyOf(info: string): string | undefined {
  const policy = fieldOf(info, 'maxmemory_policy')
  return policy === 'noeviction' || fieldOf(info, 'maxmemory') === '0' ? undefined : policy
}

function fieldOf(info: string, name: string): string | undefined {
  const start = `${name}:`
  const line = info.split('\r\n').find((each) => each.startsWith(start))
  return line?.slice(start.length)
}
