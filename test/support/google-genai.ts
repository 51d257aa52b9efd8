// @google/genai looks for Node's fetch dispatcher on its global object. Jest runs tests in a context of its own, whose
// global lacks it; only the outer one's is used by fetch anyway.
import { runInThisContext } from 'node:vm'

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

/** To be called once before the SDK sends anything from a test. */
export function lendFetchDispatcher(): void {
  runInThisContext('new Headers()') // Node creates the dispatcher when fetch's classes are first used.
  const outer = runInThisContext('globalThis') as Record<symbol, unknown>
  Object.assign(globalThis, { [DISPATCHER]: outer[DISPATCHER] })
}
