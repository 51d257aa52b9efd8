// A Lua script and its name in the store's script cache, so that only the name travels once it is known there.
import { createHash } from 'node:crypto'

export interface Script {
  readonly lua: string
  /** What EVALSHA calls it by. */
  readonly sha1: string
}

export function createScript(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}
