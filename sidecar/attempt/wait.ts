// The wait before a provider is asked again. Only failures come here, so a timer of its own costs nobody anything.
import { Refusal } from '../errors.ts'
import type { Reply } from './reply.ts'

/** A timer drops fractions and may fire a little early: a provider asked a moment before the time it named is asked in vain. */
const EARLY_MS = 1

/** Resolves after `ms`, never sooner; rejects with `client_closed` as soon as the client leaves. */
export function wait(ms: number, reply: Pick<Reply, 'observer'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.ceil(ms) + EARLY_MS)
    reply.observer = {
      onDrain() {},
      onGone() {
        clearTimeout(timer)
        reject(new Refusal('client_closed'))
      },
    }
  })
}
