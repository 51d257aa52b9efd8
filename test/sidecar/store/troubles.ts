// What can happen to a store that others count in.
import type { RedisServer } from './redis.ts'

export interface Trouble {
  /** Goes on after `a store that`. */
  readonly name: string
  begin(redis: RedisServer): Promise<void> | void
  end(redis: RedisServer): Promise<void> | void
  /** What the store held is lost. */
  readonly forgets?: boolean
}

/** While these last, no count can be had from it. */
export const TROUBLES: readonly Trouble[] = [
  { name: 'is stopped', begin: (redis) => redis.signal('SIGSTOP'), end: (redis) => redis.signal('SIGCONT') },
  { name: 'is killed', begin: (redis) => redis.signal('SIGKILL'), end: (redis) => redis.restart(), forgets: true },
  {
    name: 'is out of memory',
    begin: async ({ client }) => void (await client.config('SET', 'maxmemory', '1')),
    end: async ({ client }) => void (await client.config('SET', 'maxmemory', '0')),
  },
  {
    name: 'has become a replica',
    begin: async ({ client }) => void (await client.replicaof('127.0.0.1', 1)),
    end: async ({ client }) => void (await client.replicaof('NO', 'ONE')),
  },
]

/** Nobody is to notice. */
export const FORGOTTEN_SCRIPTS: Trouble = {
  name: 'has forgotten its scripts',
  begin: async ({ client }) => void (await client.script('FLUSH')),
  end: () => {},
}
