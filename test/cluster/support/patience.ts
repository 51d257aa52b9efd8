// Waiting for what takes its time. Everything here is bounded, generously: the machine may be busy, and a bound that is met only
// on a good day is a test that fails on a bad one.
import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  /** 120 000 by default. */
  withinMs?: number
  /** Between two looks; 100 by default. */
  everyMs?: number
  /** Why it is in vain, as soon as it is: then the wait ends at once. */
  inVain?: () => Promise<string | undefined>
}

/**
 * Looks until it sees something other than `undefined` or `false`, and returns it. What a look throws counts as not yet; the last
 * error is told when patience ends.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  { withinMs = 120_000, everyMs = 100, inVain }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const seen = await attempt(look)
    if ('value' in seen && seen.value !== undefined && seen.value !== false) {
      return seen.value as Exclude<T, undefined | false>
    }
    const reason = await inVain?.()
    if (reason !== undefined) throw new Error(`${what}: in vain, ${reason}`)
    if (Date.now() > deadline) {
      const last = 'error' in seen ? `: ${String(seen.error)}` : ''
      throw new Error(`${what}: not so within ${withinMs} ms${last}`)
    }
    await sleep(everyMs)
  }
}

async function attempt<T>(look: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await look() }
  } catch (error) {
    return { error }
  }
}
